using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>Health, metrics and the list of models.</summary>
sealed class HostRoutes(ServedModels models, ServerMeters meters, Func<bool> isStopping)
{
    internal IEnumerable<Route> All() =>
    [
        Public("/health", Ready),
        Public("/health/ready", Ready),
        Public("/health/live", _ => Json(200, new JsonObject { ["status"] = "ok" })),
        new("GET", "/metrics", null, RouteBody.None, Metrics) { IsCounted = false },
        new("GET", "/v1/models", null, RouteBody.None, List),
        // Ids may have slashes, as owner/name.
        new("GET", "/v1/models/{id*}", null, RouteBody.None,
            call => Json(200, models.Find(call.Values["id"]).Card.ToJson())),
    ];

    static Route Public(string path, RouteHandler handler)
        => new("GET", path, null, RouteBody.None, handler) { IsPublic = true };

    static Task<Reply?> Json(int status, JsonObject body)
        => Task.FromResult<Reply?>(new JsonReply(status, body));

    Task<Reply?> Ready(Call call)
    {
        if (!isStopping() && models.Ready)
            return Json(200, new JsonObject { ["status"] = "ok" });
        return Json(503, new JsonObject
        {
            // llama.cpp's body: programs that wait for a server know it.
            ["error"] = new JsonObject
            {
                ["message"] = isStopping() ? "Stopping" : "Loading model",
                ["type"] = "unavailable_error",
                ["param"] = null,
                ["code"] = 503,
            },
        });
    }

    Task<Reply?> List(Call call) => Json(200, new JsonObject
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. models.Loaded.Select(m => (JsonNode)m.Card.ToJson())]),
    });

    Task<Reply?> Metrics(Call call)
    {
        byte[] text = Encoding.UTF8.GetBytes(meters.ToText()
            + "# HELP process_resident_memory_bytes Resident memory of the process.\n"
            + "# TYPE process_resident_memory_bytes gauge\n"
            + $"process_resident_memory_bytes {Environment.WorkingSet}\n");
        return Task.FromResult<Reply?>(new BytesReply(200, "text/plain; version=0.0.4; charset=utf-8",
            (body, cancel) => body.WriteAsync(text, cancel).AsTask()));
    }
}
