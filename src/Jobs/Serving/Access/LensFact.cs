using System.Text.Json.Nodes;
using HeadTap.Lens;

namespace HeadTap.Jobs;

/// <summary>What can be said of a lens before it reads anything.</summary>
/// <param name="Name">What requests call it.</param>
/// <param name="Kind">Its kind, as in <c>lens train --kind</c>; <c>logit</c> for the logit lens.</param>
/// <param name="ReadsHeads">Whether it reads single heads.</param>
/// <param name="ReadsStream">Whether its reading of a whole layer is that of the stream, not of all heads
/// together.</param>
/// <param name="Sites">The sites that it reads.</param>
/// <param name="Layers">The layers that it has.</param>
public sealed record LensFact(string Name, string Kind, bool ReadsHeads, bool ReadsStream,
    IReadOnlyList<string> Sites, IReadOnlyList<int> Layers)
{
    internal static LensFact Of(string name, LensSource lens) => new(name, LensText.Word(lens.Options.Kind),
        lens.ReadsHeads, lens.ReadsStream, SitesOf(lens.Options), lens.Layers);

    /// <summary>The fact in a list of capabilities.</summary>
    public JsonObject ToJson() => new()
    {
        ["name"] = Name, ["kind"] = Kind, ["heads"] = ReadsHeads,
        ["layers_are"] = ReadsStream ? "stream" : "all heads",
        ["sites"] = new JsonArray([.. Sites.Select(s => (JsonNode)s)]),
        ["layers"] = AccessRequest.Numbers(Layers),
    };

    // A lens of a layer reads the sites of that layer.
    static string[] SitesOf(LensOptions lens) => lens.Kind switch
    {
        LensKind.Thin or LensKind.Effect => ["blocks.*.attn.hook_z"],
        LensKind.Residual => ["blocks.*.hook_resid_mid", "blocks.*.attn.hook_z"],
        LensKind.Tuned => ["blocks.*.hook_resid_pre"],
        LensKind.Jacobian => lens.Site == JacobianSite.ResidMid
            ? ["blocks.*.hook_resid_mid", "blocks.*.attn.hook_result"] : ["blocks.*.hook_resid_post"],
        _ => ["blocks.*.attn.hook_result"],
    };
}
