using System.Text;

namespace HeadTap.Serve;

/// <summary>The explorer at <c>/</c>. It needs no key; what it asks for does.</summary>
static class ExplorerRoutes
{
    static readonly byte[] s_page = Encoding.UTF8.GetBytes(ExplorerPage.Html);

    internal static IEnumerable<Route> All() =>
    [
        new("GET", "/", null, RouteBody.None, _ => Task.FromResult<Reply?>(Page())) { IsPublic = true },
    ];

    static BytesReply Page() => new(200, "text/html; charset=utf-8",
        (body, cancel) => body.WriteAsync(s_page, cancel).AsTask(),
        [
            ("Content-Security-Policy", ExplorerPage.Policy), ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-cache"), ("Content-Length", $"{s_page.Length}"),
        ]);
}
