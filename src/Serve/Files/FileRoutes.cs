using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace HeadTap.Serve;

/// <summary><c>/v1/files</c>: upload, list, look, read (whole or a range), delete.</summary>
sealed class FileRoutes(FileStore store, ServerOptions options)
{
    const int MostSections = 16;
    const int LongestField = 1024;
    const int LongestName = 255;
    const long FormBytes = 1 << 16; // of a form beside its file

    internal IEnumerable<Route> All() =>
    [
        new("POST", "/v1/files", Right.Query, RouteBody.Form, Upload),
        new("GET", "/v1/files", Right.Query, RouteBody.None, List),
        new("GET", "/v1/files/{id}", Right.Query, RouteBody.None,
            call => Json(store.Find(call.Caller, call.Values["id"]).ToJson())),
        new("GET", "/v1/files/{id}/content", Right.Query, RouteBody.None, Content),
        new("DELETE", "/v1/files/{id}", Right.Query, RouteBody.None, Delete),
    ];

    /// <summary>A page of a list: <c>after</c> an id, at most <c>limit</c>.</summary>
    /// <exception cref="ApiError">400: there is no such id, or the limit is wrong.</exception>
    internal static JsonObject Page<T>(
        Call call, IReadOnlyList<T> all, Func<T, string> id, Func<T, JsonObject> json, int usual, int most)
    {
        int limit = call.Query("limit", usual, 1, most), from = 0;
        if (call.Query("after") is { } after)
        {
            from = all.TakeWhile(x => id(x) != after).Count() + 1;
            if (from > all.Count)
                throw ApiError.BadRequest($"\"after\" is {Quoted.Name(after)}, which is not in the list",
                    "after");
        }
        T[] page = [.. all.Skip(from).Take(limit)];
        return new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. page.Select(x => (JsonNode)json(x))]),
            ["first_id"] = page.Length == 0 ? null : id(page[0]),
            ["last_id"] = page.Length == 0 ? null : id(page[^1]),
            ["has_more"] = from + page.Length < all.Count,
        };
    }

    static Task<Reply?> Json(JsonObject body) => Task.FromResult<Reply?>(new JsonReply(200, body));

    Task<Reply?> List(Call call)
    {
        string? purpose = call.Query("purpose");
        StoredFile[] files =
            [.. store.List(call.Caller).Where(f => purpose is null || f.Purpose == purpose)];
        return Json(Page(call, files, f => f.Id, f => f.ToJson(), 10_000, 10_000));
    }

    async Task<Reply?> Upload(Call call)
    {
        HttpRequest request = call.Http.Request;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary) is not { Length: > 0 and <= 200 } boundary)
            throw new ApiError(415, "expected multipart/form-data with the fields file and purpose",
                code: "unsupported_media_type");
        long most = options.MaxFileBytes + FormBytes;
        if (request.ContentLength > most)
            throw new ApiError(413, $"the file is longer than {options.MaxFileBytes} bytes",
                code: "file_too_large");
        if (call.Http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = most;
        StoredFile? stored = null;
        var form = new MultipartReader(boundary.Value!, request.Body);
        await store.Add(call.Caller, content => ReadForm(form, content, call.Aborted), file => stored = file);
        return new JsonReply(200, stored!.ToJson());
    }

    static async Task<(string Name, string Purpose)> ReadForm(
        MultipartReader form, Stream content, CancellationToken cancel)
    {
        string? name = null, purpose = null;
        for (int i = 0; await OfForm(() => form.ReadNextSectionAsync(cancel)) is { } section; i++)
        {
            if (i == MostSections)
                throw ApiError.BadRequest($"the form has more than {MostSections} fields");
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition,
                out ContentDispositionHeaderValue? about))
                throw ApiError.BadRequest("a field of the form has no Content-Disposition");
            string field = HeaderUtilities.RemoveQuotes(about.Name).Value ?? "";
            if (field == "file" && name is null)
            {
                name = NameOf(about);
                await Copy(section.Body, content, cancel);
            }
            else if (field == "purpose" && purpose is null)
                purpose = await TextOf(section.Body, cancel);
            else if (field is "file" or "purpose")
                throw ApiError.BadRequest($"the form has two fields \"{field}\"", field);
            else if (field is not "expires_after[anchor]" and not "expires_after[seconds]")
                throw ApiError.BadRequest($"the form has a field {Quoted.Name(field)}; expected file and "
                    + "purpose", field, "unknown_field");
        }
        if (name is null)
            throw ApiError.BadRequest("the form has no field \"file\"", "file");
        if (purpose is not { Length: > 0 and <= 64 }
            || !purpose.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            throw ApiError.BadRequest("the form has no field \"purpose\"; expected a word such as batch",
                "purpose");
        return (name, purpose);
    }

    // A name is only shown; still no one should be shown a path or a line end.
    static string NameOf(ContentDispositionHeaderValue about)
    {
        string name = (about.FileNameStar.HasValue ? about.FileNameStar
            : HeaderUtilities.RemoveQuotes(about.FileName)).Value ?? "";
        name = name[(name.LastIndexOfAny(['/', '\\']) + 1)..];
        name = string.Concat(name.Where(c => !char.IsControl(c)).Take(LongestName));
        return name.Length == 0 ? "file" : name;
    }

    static async Task Copy(Stream from, Stream to, CancellationToken cancel)
    {
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = await OfForm(() => from.ReadAsync(buffer, cancel).AsTask())) > 0;)
            await to.WriteAsync(buffer.AsMemory(0, read), cancel);
    }

    // What the reader of forms throws is the client's fault; what the disk throws is not.
    static async Task<T> OfForm<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw ApiError.BadRequest($"the form is not whole ({Quoted.Line(e.Message)})");
        }
    }

    static async Task<string> TextOf(Stream body, CancellationToken cancel)
    {
        byte[] bytes = new byte[LongestField];
        int length = await OfForm(() => body.ReadAtLeastAsync(
            bytes, LongestField, throwOnEndOfStream: false, cancel).AsTask());
        return length < LongestField ? Encoding.UTF8.GetString(bytes, 0, length)
            : throw ApiError.BadRequest("a field of the form is too long");
    }

    async Task<Reply?> Content(Call call)
    {
        StoredFile file = store.Find(call.Caller, call.Values["id"]);
        await SendFile(call, store.PathOf(call.Caller, file.Id), file.FileName, file.Sha256,
            DateTimeOffset.FromUnixTimeSeconds(file.CreatedAt));
        return null;
    }

    /// <summary>Sends a file, whole or the range that is asked for.</summary>
    internal static async Task SendFile(
        Call call, string path, string name, string tag, DateTimeOffset written)
    {
        call.Http.Response.Headers["x-request-id"] = call.Id;
        call.Http.Response.Headers["x-content-type-options"] = "nosniff";
        await Results.File(path, "application/octet-stream", name, written,
            new EntityTagHeaderValue($"\"{tag}\""), enableRangeProcessing: true).ExecuteAsync(call.Http);
    }

    Task<Reply?> Delete(Call call)
    {
        string id = call.Values["id"];
        store.Delete(call.Caller, id);
        return Json(new JsonObject { ["id"] = id, ["object"] = "file", ["deleted"] = true });
    }
}
