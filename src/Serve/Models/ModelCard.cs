using System.Text.Json.Nodes;

namespace HeadTap.Serve;

/// <summary>What the server tells of a model.</summary>
/// <param name="Name">Name by which requests ask for it.</param>
/// <param name="Created">When its weights were written, in seconds since 1970 (UTC).</param>
/// <param name="WeightsSha256">SHA-256 of the weights' files, by which the project names models.</param>
/// <param name="Parent">The model that it was made from by an edit or a merge; null if none.</param>
/// <param name="Edit">What made it of its parent; null if nothing.</param>
/// <param name="Context">Longest text, in tokens.</param>
/// <param name="Vocabulary">Number of tokens it knows.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="Heads">Heads of a layer.</param>
/// <param name="Width">Width of the residual stream.</param>
/// <param name="Precision">Precision of matrix products, such as <c>fp32</c>.</param>
/// <param name="Licence">Licence of the weights; null if the folder names none.</param>
public sealed record ModelCard(
    string Name, long Created, string WeightsSha256, string? Parent, string? Edit, int Context,
    int Vocabulary, int Layers, int Heads, int Width, string Precision, string? Licence)
{
    /// <summary>The object of <c>/v1/models</c>.</summary>
    public JsonObject ToJson() => new()
    {
        ["id"] = Name,
        ["object"] = "model",
        ["created"] = Created,
        ["owned_by"] = "headtap",
        ["headtap"] = new JsonObject
        {
            ["weights_sha256"] = WeightsSha256,
            ["parent"] = Parent,
            ["edit"] = Edit,
            ["context"] = Context,
            ["vocabulary"] = Vocabulary,
            ["layers"] = Layers,
            ["heads"] = Heads,
            ["width"] = Width,
            ["precision"] = Precision,
            ["licence"] = Licence,
        },
    };
}
