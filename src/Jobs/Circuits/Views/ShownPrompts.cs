using HeadTap.Circuits;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>A prompt as a model saw it, with the words that lenses read.</summary>
/// <param name="Title">Name beside another run.</param>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="View">What the pass showed.</param>
/// <param name="Words">Readings of the lenses.</param>
sealed record ShownRun(string Title, string ModelHash, PromptView View, IReadOnlyList<ShownWords> Words)
{
    /// <summary>What the stream says, by the logit lens and then by each lens that reads it.</summary>
    internal IReadOnlyList<StreamGrid> Grids => [StreamGrid.Of(View.Stream), .. Words
        .Where(w => w.Stream.Count > 0).Select(w => StreamGrid.Of(w.Name, w.Lens,
            [.. w.Layers.Select(l => l.Layer)], w.Stream, View.Stream[^1]))];
}

/// <summary>What a lens reads at every position.</summary>
/// <param name="Name">Name of the lens on the page.</param>
/// <param name="Lens">Options of the lens.</param>
/// <param name="Layers">Readings by layer.</param>
/// <param name="Stream">[layers][T]: readings of the stream; empty for a lens that does not read it.</param>
sealed record ShownWords(string Name, LensOptions Lens, IReadOnlyList<LayerReading> Layers,
    IReadOnlyList<IReadOnlyList<StreamReading>> Stream);

/// <summary>What the page of <see cref="ViewJob"/> shows.</summary>
/// <param name="Prompt">The prompts.</param>
/// <param name="Chosen">[K]: tokens whose logits are split.</param>
/// <param name="Runs">One or two.</param>
/// <param name="Top">Tokens of each lens.</param>
sealed record ShownPrompts(
    Prompt Prompt, IReadOnlyList<int> Chosen, IReadOnlyList<ShownRun> Runs, int Top)
{
    /// <summary>Whether the second chosen token is subtracted from the first.</summary>
    internal bool Wrong { get; init; }

    /// <summary>The head that the page shows first: the one that adds most to the first chosen token, less
    /// the wrong one, at the last position of the first run; ties go to the lower layer and head.</summary>
    internal (int Layer, int Head) First
    {
        get
        {
            ComponentContributions added = Runs[0].View.Contributions;
            int K = Chosen.Count, P = added.Components.Count, last = Runs[0].View.Tokens.Count - 1;
            double Of(int p) => added.Values[(last * P + p) * K]
                - (Wrong ? added.Values[(last * P + p) * K + 1] : 0);
            int best = Enumerable.Range(0, P).Where(p => added.Components[p].Head >= 0).MaxBy(Of);
            return (added.Components[best].Layer, added.Components[best].Head);
        }
    }

    /// <summary>Returns the name of a part: embed, pos, 3.1, attn bias 3, mlp 3, bias.</summary>
    internal static string NameOf(Component part) => part.Kind switch
    {
        ComponentKind.Embedding => "embed",
        ComponentKind.Position => "pos",
        ComponentKind.Head => $"{part.Layer}.{part.Head}",
        ComponentKind.AttentionBias => $"attn bias {part.Layer}",
        ComponentKind.FeedForward => $"mlp {part.Layer}",
        _ => "bias",
    };

    /// <summary>Returns the layer of a part; null outside the blocks.</summary>
    internal static int? LayerOf(Component part)
        => part.Kind is ComponentKind.Head or ComponentKind.AttentionBias or ComponentKind.FeedForward
            ? part.Layer : null;
}
