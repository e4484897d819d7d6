using HeadTap.Inject;
using HeadTap.Jobs;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>The model and the two-hop questions that no text told, in their two splits.</summary>
/// <param name="Model">The model; no edits are attached between calls.</param>
/// <param name="Folder">Folder of the model.</param>
/// <param name="Tokenizer">Tokenizer of the model.</param>
/// <param name="Validation">Pairs on which cells are chosen.</param>
/// <param name="Test">Pairs on which they are measured; about other countries.</param>
sealed record HopPairs(LanguageModel Model, string Folder, ByteBpeTokenizer Tokenizer, HopPart Validation,
    HopPart Test)
{
    /// <summary>Reads the pairs and runs their two-hop prompts.</summary>
    /// <param name="model">The model of the folder.</param>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="file">The pairs, as <c>inject data</c> writes them.</param>
    /// <param name="every">Every n-th validation pair is taken, and every n-th test pair.</param>
    /// <param name="context">Gets remarks.</param>
    internal static HopPairs Open(
        LanguageModel model, string folder, string file, (int Validation, int Test) every, JobContext context)
    {
        PairData data = new PairRequest
        {
            Model = folder, Data = file, Rules = new TextRules { Bos = true },
        }.Read(context);
        EncodedPair[] Of(string split, int nth) => [.. data.Pairs
            .Where(p => p.Pair.Split == split && p.HasEntity).Where((_, i) => i % nth == 0)];
        return new(model, folder, data.Tokenizer,
            new(model, Of(AtlasPairs.Validation, every.Validation)),
            new(model, Of(AtlasPairs.Test, every.Test)));
    }
}

/// <summary>Pairs of one split with what their two-hop prompts make of the stream.</summary>
sealed class HopPart
{
    internal HopPart(LanguageModel model, EncodedPair[] pairs)
    {
        (Pairs, Width) = (pairs, model.Config.Width);
        int L = model.Config.Layers;
        Site[] sites = [.. Enumerable.Range(0, L).Select(l => new Site(SiteKind.ResidPre, l)),
            new Site(SiteKind.ResidPost, L - 1)];
        Site[] middle = [.. Enumerable.Range(0, L).Select(Site.ResidMid)];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = EncodedPair.LongestPrompt(pairs), Logits = LogitsAt.Last,
            Record = [.. sites, .. middle],
        });
        Streams = new float[pairs.Length][][];
        Middle = new float[pairs.Length][][];
        Before = new AnswerStanding[pairs.Length];
        for (int i = 0; i < pairs.Length; i++)
        {
            session.Forward(new SequenceBatch([pairs[i].Obscure]));
            Streams[i] = [.. sites.Select(s => session.Recordings[s].ToArray())];
            Middle[i] = [.. middle.Select(s => session.Recordings[s].ToArray())];
            Before[i] = AnswerStanding.Of(session.Logits.ToArray(), pairs[i].Answer, 0);
        }
    }

    internal EncodedPair[] Pairs { get; }

    internal int Count => Pairs.Length;

    /// <summary>Width C of the stream.</summary>
    internal int Width { get; }

    /// <summary>[pairs][L + 1] of [T, C]: the stream before each block, then behind the last.</summary>
    internal float[][][] Streams { get; }

    /// <summary>[pairs][L] of [T, C]: the stream between attention and feed-forward.</summary>
    internal float[][][] Middle { get; }

    /// <summary>[pairs]: the answers with nothing changed.</summary>
    internal AnswerStanding[] Before { get; }

    /// <summary>The last position of a pair's description of its country.</summary>
    internal int EntityEnd(int pair) => Pairs[pair].Entity.End.Value - 1;

    /// <summary>Other pairs of the part that are about another country, in the part's order.</summary>
    internal int[] Others(int pair)
        => [.. Enumerable.Range(0, Count).Where(j => Pairs[j].Pair.Bridge != Pairs[pair].Pair.Bridge)];

    /// <summary>A position of a stream, [C].</summary>
    internal static float[] At(float[] stream, int position, int width)
        => stream.AsSpan(position * width, width).ToArray();
}
