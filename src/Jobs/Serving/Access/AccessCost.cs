using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What a request costs, known before it runs.</summary>
/// <param name="Tokens">Tokens of the inputs.</param>
/// <param name="TokenLayers">Tokens times layers, the unit of quotas; a gradient counts three more
/// times.</param>
/// <param name="Flop">Multiplications and additions of matrix products, without attention's.</param>
/// <param name="NumberBytes">Bytes of the numbers of the reply as float32; <see cref="ReplySize"/> has those
/// of the reply.</param>
/// <param name="PeakBytes">Bytes that the pass takes on the device.</param>
public sealed record AccessCost(int Tokens, double TokenLayers, double Flop, long NumberBytes, long PeakBytes)
{
    /// <summary>Plans a request.</summary>
    public static AccessCost Of(AccessCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        ModelConfig config = call.Model.Config;
        LanguageModel model = call.Model.Model;
        int generated = (call.Request.Generation?.MaxTokens ?? 0) * call.Rows.Count;
        double passes = (call.NeedsPass ? 1 : 0) + (call.Request.Gradient is null ? 0 : 3)
            + (call.Request.Lens is null ? 0 : LensPass.Factor);
        double units = (call.Tokens * passes + call.Tokens * Math.Sign(generated)
            + generated) * config.Layers;
        long matrices = model.Parameters.Slices.Where(s => s.Shape.Length == 2).Sum(s => s.Length);
        long head = (long)config.VocabSize * config.Width;
        double flop = 2.0 * (matrices - head) * units / config.Layers
            + 2.0 * head * (call.Rows.Count + generated);
        long reply = 0;
        for (int i = 0; i < call.Request.Reads.Count; i++)
            foreach (Site site in call.ReadSites[i])
                reply += call.Rows.Sum(r => FloatsOf(call.Request.Reads[i], site, config, r.Length));
        if (call.Request.Logits)
            reply += (long)call.Rows.Count * config.VocabSize;
        reply += call.GradientSites.Sum(s => call.Rows.Sum(r => SiteFacts.Floats(s.Kind, config, r.Length)));
        foreach (string name in call.Request.Gradient?.Parameters ?? [])
            reply += call.Rows.Count * model.Parameters.Slices.First(s => s.Name == name).Length;
        return new AccessCost(call.Tokens, units, flop, reply * sizeof(float), PeakOf(call) * sizeof(float));
    }

    /// <summary>Refuses a request whose plan is too large.</summary>
    /// <param name="mostReplyBytes">Most bytes of a reply's numbers.</param>
    /// <param name="freeBytes">Bytes that the device has left.</param>
    /// <exception cref="BadRequestException">It is.</exception>
    public void Require(long mostReplyBytes, long freeBytes)
    {
        if (PeakBytes > freeBytes)
            throw new BadRequestException($"the pass needs {MemoryPlan.Text(PeakBytes)}, and the device has "
                + $"{MemoryPlan.Text(freeBytes)} left; give fewer or shorter inputs, or read fewer sites",
                "inputs", "does_not_fit");
        if (NumberBytes > mostReplyBytes)
            throw new BadRequestException(
                $"the reply would have {MemoryPlan.Text(NumberBytes)} of numbers, and "
                + $"this server gives {MemoryPlan.Text(mostReplyBytes)}; read fewer sites, heads or "
                + "positions, or reduce them", "reads", "reply_too_large");
    }

    /// <summary>The reply of a dry run.</summary>
    /// <param name="waiting">Requests that wait.</param>
    /// <param name="reply">The reply that the request would have.</param>
    public JsonObject ToJson(int waiting, ReplySize reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        return new JsonObject
        {
            ["dry_run"] = true, ["tokens"] = Tokens, ["token_layers"] = TokenLayers, ["flop"] = Flop,
            ["number_bytes"] = NumberBytes, ["reply_bytes"] = reply.Bytes, ["reply_form"] = reply.Form,
            ["peak_bytes"] = PeakBytes, ["queue"] = waiting,
        };
    }

    static long FloatsOf(SiteRead read, Site site, ModelConfig config, int length)
    {
        if (read.Reduction == Reduction.Top)
            return 0; // tokens, not numbers
        long all = SiteFacts.Floats(site.Kind, config, length);
        double heads = SiteRead.HasHeads(site.Kind) ? (read.Heads?.Count ?? config.Heads)
            / (double)config.Heads : 1;
        double positions = read.Reduction is Reduction.Last or Reduction.Mean ? 1.0 / length
            : (read.Positions?.Count ?? length) / (double)length;
        double unit = read.Reduction != Reduction.Norm ? 1 : site.Kind switch
        {
            SiteKind.Scores or SiteKind.Pattern => 1.0 / length,
            _ => (SiteRead.HasHeads(site.Kind) ? config.Heads : 1)
                / (double)SiteFacts.FloatsPerToken(site.Kind, config)!,
        };
        return (long)Math.Round(all * heads * positions * unit);
    }

    static long PeakOf(AccessCall call)
    {
        LanguageModel model = call.Model.Model;
        int longest = call.Rows.Max(r => r.Length);
        long floats = 0;
        if (call.NeedsPass)
            floats = ModelSession.Floats(model, new SessionOptions
            {
                MaxRows = call.Rows.Count, MaxTokens = longest,
                Record = [.. call.ReadSites.SelectMany(s => s).Distinct()],
                Logits = call.Request.Logits ? LogitsAt.Last : LogitsAt.None,
            });
        if (call.Request.Gradient is { } gradient)
            floats = Math.Max(floats, ModelSession.Floats(model, new SessionOptions
            {
                MaxTokens = longest, Backward = true, RecordGradients = call.GradientSites,
            }) + ParameterGradients.Length(model.Parameters, gradient.Parameters.ToHashSet()));
        return floats;
    }
}
