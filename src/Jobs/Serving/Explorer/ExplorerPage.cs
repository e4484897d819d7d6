using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>
/// The explorer, one page: it asks a server for all it shows and needs nothing else. It is made of the parts
/// of the page of <see cref="ViewJob"/>.
/// </summary>
public static class ExplorerPage
{
    static readonly string[] s_scripts =
    [
        "view-parts.js", "stream-grid.js", "explorer-ask.js", "explorer-runs.js", "explorer-edit.js",
        "explorer-save.js", "explorer.js",
    ];

    /// <summary>The page, always the same.</summary>
    public static string Html { get; } = new HtmlReport("HeadTap explorer")
        .Widget(PageAsset.Read("view.css") + PageAsset.Read("stream-grid.css")
            + PageAsset.Read("explorer.css"),
            PageAsset.Read("explorer.html"), string.Concat(s_scripts.Select(PageAsset.Read)),
                new JsonObject())
        .ToString();

    /// <summary>
    /// The Content-Security-Policy of the page: its own scripts and styles, by their SHA-256, and requests to
    /// the server that sent it. Everything else is forbidden.
    /// </summary>
    public static string Policy { get; } = "default-src 'none'; connect-src 'self'; "
        + $"script-src {Hashes("script")}; style-src {Hashes("style")}; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    static string Hashes(string element)
    {
        var hashes = new List<string>();
        string open = $"<{element}>", close = $"</{element}>";
        for (int at = Html.IndexOf(open, StringComparison.Ordinal); at >= 0;
            at = Html.IndexOf(open, at, StringComparison.Ordinal))
        {
            at += open.Length;
            int end = Html.IndexOf(close, at, StringComparison.Ordinal);
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(Html[at..end]));
            hashes.Add($"'sha256-{Convert.ToBase64String(hash)}'");
            at = end;
        }
        return string.Join(' ', hashes);
    }
}
