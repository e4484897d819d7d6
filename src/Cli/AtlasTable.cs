using System.Text.Json.Nodes;
using HeadTap.Atlas;

namespace HeadTap.Cli;

/// <summary>The answers to the atlas' questions, as <c>train</c> and <c>eval --atlas</c> show them.</summary>
static class AtlasTable
{
    internal static void Print(Invocation run, AtlasEvaluation atlas) => run.Line(atlas.Describe().TrimEnd());

    internal static JsonArray Json(AtlasEvaluation atlas)
        => new([.. atlas.Scores.Select(score => new JsonObject
    {
        ["kind"] = score.Kind,
        ["target"] = score.Target?.ToString(),
        ["right"] = score.Right,
        ["total"] = score.Total,
    })]);
}
