using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Reports;

/// <summary>
/// Builds a self-contained HTML page: it needs no network, has no scripts except those of a
/// <see cref="Widget"/>, and is readable in light and dark mode. The same content gives the same bytes. All
/// text is escaped.
/// </summary>
public sealed class HtmlReport(string title)
{
    const string Style = """
        :root{color-scheme:light dark;--ink:#24292f;--ground:#fff;--line:#d8dee4;--soft:#f4f6f8}
        @media (prefers-color-scheme:dark){
        :root{--ink:#d5dae1;--ground:#14181d;--line:#323a44;--soft:#1d232b}}
        body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:60rem;
        margin:2rem auto;padding:0 1rem}
        h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
        table{border-collapse:collapse;font-size:.92rem;display:block;overflow-x:auto}
        th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);
        vertical-align:top}
        .n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}
        pre{background:var(--soft);padding:.7rem;overflow-x:auto;font-size:.85rem}
        details{margin:.3rem 0}summary{cursor:pointer}
        figure{margin:1rem 0;overflow-x:auto}figcaption{font-size:.9rem}
        """;

    readonly StringBuilder _body = new();

    /// <summary>Adds a heading that begins a section.</summary>
    public HtmlReport Heading(string text) => Element("h2", text);

    /// <summary>Adds a paragraph.</summary>
    public HtmlReport Paragraph(string text) => Element("p", text);

    /// <summary>Adds preformatted text, line by line.</summary>
    public HtmlReport Code(string text) => Element("pre", text);

    /// <summary>Adds a table.</summary>
    /// <param name="columns">Headings. A heading that ends in <c>#</c> marks a column of numbers; the sign is
    /// not shown.</param>
    /// <param name="rows">Rows of cells; each row has one cell per heading.</param>
    /// <param name="strong">Function that returns whether the cell (row, column) is bold; null for
    /// none.</param>
    public HtmlReport Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows,
        Func<int, int, bool>? strong = null)
    {
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(rows);
        bool[] number = [.. columns.Select(c => c.EndsWith('#'))];
        _body.Append("<table>\n");
        Row("th", [.. columns.Select(c => c.TrimEnd('#'))], number);
        foreach ((int index, IReadOnlyList<string> row) in rows.Index())
            Row("td", row, number, column => strong?.Invoke(index, column) ?? false);
        _body.Append("</table>\n");
        return this;
    }

    /// <summary>Adds a chart of <see cref="SvgChart"/> with a caption below it.</summary>
    public HtmlReport Figure(string svg, string caption)
    {
        _body.Append("<figure>").Append(svg).Append("<figcaption>").Append(WebUtility.HtmlEncode(caption))
            .Append("</figcaption></figure>\n");
        return this;
    }

    /// <summary>Adds a part that is closed until its summary line is clicked.</summary>
    /// <param name="line">Text of the summary line.</param>
    /// <param name="content">Callback that adds the content of the part.</param>
    public HtmlReport Details(string line, Action<HtmlReport> content)
    {
        ArgumentNullException.ThrowIfNull(content);
        _body.Append("<details><summary>").Append(WebUtility.HtmlEncode(line)).Append("</summary>\n");
        content(this);
        _body.Append("</details>\n");
        return this;
    }

    /// <summary>
    /// Adds a part that a script draws from data embedded in the page; it also works when the page is opened
    /// as a file.
    /// </summary>
    /// <param name="style">CSS of the part. The page defines the colours --ink, --ground, --line and
    /// --soft.</param>
    /// <param name="markup">HTML that is not escaped; it must not contain text from users or files.</param>
    /// <param name="script">JavaScript. <c>root</c> is the element around the markup, <c>data</c> the data.
    /// It must set text with <c>textContent</c>.</param>
    /// <param name="data">Data for the script. Its text is escaped, so it cannot close the element that
    /// contains it.</param>
    public HtmlReport Widget(string style, string markup, string script, JsonNode data)
    {
        ArgumentNullException.ThrowIfNull(data);
        _body.Append("<div class=\"widget\"><style>\n").Append(style).Append("\n</style>\n").Append(markup)
            .Append("\n<script type=\"application/json\">").Append(data.ToJsonString())
            .Append("</script>\n<script>\n(root => {\n")
            .Append("const data = JSON.parse(root.querySelector('script').textContent);\n").Append(script)
            .Append("\n})(document.currentScript.parentElement);\n</script></div>\n");
        return this;
    }

    /// <summary>Returns the whole page as HTML.</summary>
    public override string ToString() => $"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>{WebUtility.HtmlEncode(title)}</title><style>
        {Style}
        </style></head><body>
        <h1>{WebUtility.HtmlEncode(title)}</h1>
        {_body}</body></html>

        """.ReplaceLineEndings("\n");

    HtmlReport Element(string name, string text)
    {
        _body.Append('<').Append(name).Append('>').Append(WebUtility.HtmlEncode(text)).Append("</")
            .Append(name).Append(">\n");
        return this;
    }

    void Row(
        string cell, IReadOnlyList<string> texts, bool[] number, Func<int, bool>? strong = null)
    {
        if (texts.Count != number.Length)
            throw new ArgumentException($"A row of {texts.Count} cells under {number.Length} headings.");
        _body.Append("<tr>");
        for (int i = 0; i < texts.Count; i++)
        {
            bool bold = strong?.Invoke(i) ?? false;
            _body.Append('<').Append(cell).Append(number[i] ? " class=\"n\">" : ">").Append(bold ? "<b>" : "")
                .Append(WebUtility.HtmlEncode(number[i] ? NumberText.WithoutMinusZero(texts[i]) : texts[i]))
                .Append(bold ? "</b></" : "</").Append(cell)
                .Append('>');
        }
        _body.Append("</tr>\n");
    }
}
