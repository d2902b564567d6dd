"""Index changes become orders, each decided on facts known before its deadline."""
