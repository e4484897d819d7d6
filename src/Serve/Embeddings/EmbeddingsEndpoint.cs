using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>
/// <c>POST /v1/embeddings</c>: a vector for each text, from any site of the residual stream. The default is
/// the last token's output of the final LayerNorm.
/// </summary>
/// <param name="workers">The models.</param>
public sealed class EmbeddingsEndpoint(ModelWorkers workers) : IEndpoint
{
    const int MostInputs = 2048, MostTokens = 300_000, RowsOfPass = 32;

    /// <inheritdoc/>
    public string Path => "/v1/embeddings";

    /// <inheritdoc/>
    public Right Right => Right.Embeddings;

    /// <inheritdoc/>
    public Task<Reply> Answer(EndpointRequest request) => ModelWorkers.Guard(() => AnswerGuarded(request));

    async Task<Reply> AnswerGuarded(EndpointRequest request)
    {
        RequestFields f = RequestFields.Of(request.Body, "");
        f.Only("model", "input", "encoding_format", "dimensions", "user", "headtap");
        ModelWorker worker = workers.Of(f.Text("model"));
        if (f.Has("dimensions"))
            throw new BadRequestException("dimensions: this model's embeddings are not made to be cut; leave "
                + "it out", "dimensions");
        bool base64 = (f.Text("encoding_format") ?? "float") switch
        {
            "float" => false,
            "base64" => true,
            _ => throw f.Bad("encoding_format", "float or base64"),
        };
        if (!f.TryGet("input", out JsonElement input))
            throw f.Bad("input", "a text, a list of texts, token ids, or lists of token ids");
        IReadOnlyList<int[]> rows = PromptRows.Read(f, "input", input, worker.Model, null);
        if (rows.Count > MostInputs || rows.Sum(r => (long)r.Length) > MostTokens)
            throw new BadRequestException($"{rows.Count} inputs; expected at most {MostInputs} of "
                + $"{MostTokens} tokens together", "input");
        Place place = Place.Of(f);
        place.Require(worker.Model.Config);
        // Parts of some rows, so that no pass grows with the request.
        var vectors = new List<AccessTensor>();
        WorkTicket ticket = workers.Ticket(request, request.Aborted) with { Request = request };
        var parts = rows.Chunk(RowsOfPass).Select(part => AccessAnswer.Of(worker,
            AccessCall.Of(place.Reading(worker.Model.Name, part), worker.Model,
                file => throw new BadRequestException("no files here", "input")), ticket)).ToArray();
        foreach (AccessAnswer answer in await Task.WhenAll(parts).ConfigureAwait(false))
            vectors.AddRange(answer.Results.Select(r => (AccessTensor)r.Reads.GetAt(0).Value));
        int tokens = rows.Sum(r => r.Length);
        request.Charge(tokens);
        return new JsonReply(200, new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. vectors.Select((v, i) => (JsonNode)new JsonObject
            {
                ["object"] = "embedding", ["index"] = i, ["embedding"] = place.Vector(v, base64),
            })]),
            ["model"] = worker.Model.Name,
            ["usage"] = new JsonObject { ["prompt_tokens"] = tokens, ["total_tokens"] = tokens },
        });
    }

    // Where vectors come from.
    sealed record Place(string Site, Reduction Reduction, int? Position, bool Normalise)
    {
        internal static Place Of(RequestFields request)
        {
            if (request.Object("headtap") is not { } f)
                return new Place("ln_final.hook_normalized", Reduction.Last, null, false);
            f.Only("site", "position", "normalise");
            int? position = null;
            Reduction reduction = Reduction.Last;
            if (f.TryGet("position", out JsonElement where))
                (reduction, position) = where.ValueKind switch
                {
                    JsonValueKind.Number when where.TryGetInt32(out int at) => (Reduction.Last, at),
                    JsonValueKind.String when where.ValueEquals("last"u8) => (Reduction.Last, (int?)null),
                    JsonValueKind.String when where.ValueEquals("mean"u8) => (Reduction.Mean, null),
                    JsonValueKind.String when where.ValueEquals("all"u8) => (Reduction.None, null),
                    _ => throw f.Bad("position", "last, mean, all or a position"),
                };
            return new Place(f.Text("site") ?? "ln_final.hook_normalized", reduction, position,
                f.Flag("normalise", false));
        }

        // One vector a token: a site of the stream.
        internal void Require(ModelConfig config)
        {
            IReadOnlyList<Site> sites;
            try
            {
                sites = Models.Site.Match(Site, config);
            }
            catch (UserException e)
            {
                throw new BadRequestException(e.Message, "headtap.site", "site_not_found");
            }
            if (sites.Count != 1)
                throw new BadRequestException($"{Quoted.Name(Site)} names {sites.Count} sites; expected one",
                    "headtap.site");
            if (sites[0].Kind is SiteKind.Scores or SiteKind.Pattern or SiteKind.Q or SiteKind.K or SiteKind.V
                or SiteKind.Z or SiteKind.Result)
                throw new BadRequestException($"{sites[0]} has heads; expected a site of the stream, and "
                    + "/v1/headtap/run for heads", "headtap.site");
        }

        internal AccessRequest Reading(string model, IReadOnlyList<int[]> rows)
        {
            var read = new SiteRead
            {
                Site = Site, Reduction = Reduction, Positions = Position is { } at ? [at] : null,
            };
            return new AccessRequest
            {
                Model = model, Inputs = [.. rows.Select(r => new AccessInput(r, null))], Reads = [read],
                Logits = false,
            };
        }

        // One vector, or one a token.
        internal JsonNode Vector(AccessTensor found, bool base64)
        {
            int C = found.Shape[^1], rows = found.Values.Length / C;
            if (Normalise)
                for (int r = 0; r < rows; r++)
                    Unit(found.Values.AsSpan(r * C, C));
            if (Reduction != Reduction.None)
                return Row(found.Values, base64);
            return new JsonArray([.. Enumerable.Range(0, rows)
                .Select(r => Row(found.Values.AsSpan(r * C, C), base64))]);
        }

        static JsonNode Row(ReadOnlySpan<float> values, bool base64)
        {
            if (base64)
                return Convert.ToBase64String(MemoryMarshal.AsBytes(values));
            var numbers = new JsonArray();
            foreach (float value in values)
                numbers.Add((JsonNode)value);
            return numbers;
        }

        static void Unit(Span<float> values)
        {
            double sum = 0;
            foreach (float v in values)
                sum += (double)v * v;
            double norm = Math.Sqrt(sum);
            if (norm > 0)
                foreach (ref float v in values)
                    v = (float)(v / norm);
        }
    }
}
