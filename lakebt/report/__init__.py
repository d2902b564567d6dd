"""Tables for terminals and notebooks, figures, and one-file reports.

Everything here is made from the plain values of `lakebt.report.contents`; nothing reads
a lake. Plotly, jinja2 and rich are imported where they are used, so that importing this
package costs nothing.
"""
