using System.Text.Encodings.Web;
using System.Text.Json;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>How long a reply will be, known before it is computed.</summary>
/// <remarks>
/// The reply is written without its numbers and words, and these are added: exactly for base64 and for a file
/// of tensors, and as the most that they can take for numbers in lists and for words. So it is never less
/// than the reply. A number in a list has 2 to 16 bytes with its comma, so the numbers of a list have an
/// eighth of it or more.
/// </remarks>
/// <param name="Form"><c>safetensors</c>, <c>base64</c> or <c>list</c>.</param>
/// <param name="Bytes">Bytes of the body.</param>
public sealed record ReplySize(string Form, long Bytes)
{
    const int FloatText = 15, DoubleText = 24; // -1.17549435E-38, -1.7976931348623157E+308

    /// <summary>Plans the reply of a request.</summary>
    /// <param name="call">The request.</param>
    /// <param name="tensors">Whether it is a file of tensors.</param>
    public static ReplySize Of(AccessCall call, bool tensors)
    {
        ArgumentNullException.ThrowIfNull(call);
        AccessResult[] empty = [.. call.Rows.Select(row => Empty(call, row.Length))];
        if (tensors)
            return new("safetensors", OfTensors(call, empty));
        bool base64 = call.Request.Base64;
        long bytes = new AccessAnswer(call, empty).ToJson(base64: true).Length;
        foreach ((AccessResult result, int[] row) in empty.Zip(call.Rows))
        {
            IEnumerable<int[]> shapes = result.Tensors().Select(t => t.Tensor.Shape);
            if (call.Request.Logits)
            {
                shapes = shapes.Append([call.Model.Config.VocabSize]);
                bytes += ",\"logits_last\":{\"shape\":[],\"data\":\"\"}".Length
                    + $"{call.Model.Config.VocabSize}".Length;
            }
            bytes += shapes.Sum(base64 ? Base64Text : ListText);
            bytes += WordText(call, row.Length) + LensText(call) + GeneratedText(call);
        }
        return new(base64 ? "base64" : "list", bytes);
    }

    // The answer to an input, names and shapes without values; logits have no place for a shape alone.
    static AccessResult Empty(AccessCall call, int length)
    {
        var result = new AccessResult();
        ModelConfig config = call.Model.Config;
        foreach ((SiteRead read, string name, int[] shape) in Reads(call, length))
            result.Reads[name] = read.Reduction == Reduction.Top ? new AccessWords(shape, [])
                : new AccessTensor(shape, []);
        foreach (Site site in call.GradientSites)
            result.Gradients[site.Name] = new AccessTensor(ShapeOf(site.Kind, config, length, length,
                config.Heads), []);
        foreach (string name in call.Request.Gradient?.Parameters ?? [])
            result.Gradients[name] = new AccessTensor(
                [.. call.Model.Model.Parameters.Slices.First(s => s.Name == name).Shape], []);
        if (call.Request.Gradient is not null)
            result.GradientOf = double.MinValue; // no number is longer
        if (call.Request.Lens is { } lens)
            result.Lens = new LensAnswer(lens.Name, lens.PositionsOf(length), [.. LayersOf(call)
                .Select(l => new LayerReading(
                    l, [], [.. HeadsOf(call).Select(h => new HeadReading(h, []))]))]);
        return result;
    }

    // As ReadPass names them, with the shapes of SiteValues.
    static IEnumerable<(SiteRead Read, string Name, int[] Shape)> Reads(AccessCall call, int length)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach ((SiteRead read, IReadOnlyList<Site> sites) in call.Request.Reads.Zip(call.ReadSites))
            foreach (Site site in sites)
            {
                string name = site.Name;
                for (int n = 2; !names.Add(name); n++)
                    name = $"{site.Name}#{n}";
                int[] shape = ShapeOf(site.Kind, call.Model.Config, length,
                    read.PositionsOf(length, "reads").Length, read.Heads?.Count ?? call.Model.Config.Heads);
                int mean = site.Kind is SiteKind.Scores or SiteKind.Pattern ? 1 : 0;
                yield return (read, name, read.Reduction switch
                {
                    Reduction.Norm or Reduction.Top => shape[..^1],
                    Reduction.Mean => [.. shape.Where((_, axis) => axis != mean)],
                    _ => shape,
                });
            }
    }

    static int[] ShapeOf(SiteKind kind, ModelConfig config, int length, int positions, int heads)
        => SiteFacts.FloatsPerToken(kind, config) is not { } floats ? [heads, positions, length]
            : SiteRead.HasHeads(kind) ? [positions, heads, (int)(floats / config.Heads)]
            : [positions, (int)floats];

    static long OfTensors(AccessCall call, AccessResult[] empty)
    {
        var writer = new SafetensorsWriter();
        writer.Metadata[AccessAnswer.ReplayKey] = new AccessAnswer(call, empty).Replay().ToJsonString();
        for (int i = 0; i < empty.Length; i++)
        {
            foreach ((string name, AccessTensor tensor) in empty[i].Tensors())
                writer.Add($"{i}.{name}", tensor.Shape, (_, _) => { });
            if (call.Request.Logits)
                writer.Add($"{i}.logits_last", [call.Model.Config.VocabSize], (_, _) => { });
        }
        return writer.Bytes();
    }

    static long Count(ReadOnlySpan<int> shape)
    {
        long count = 1;
        foreach (int extent in shape)
            count *= extent;
        return count;
    }

    static long Base64Text(int[] shape) => (Count(shape) * sizeof(float) + 2) / 3 * 4;

    // Brackets and a comma for each list, and a comma for each number; the quotes of base64 are not there.
    static long ListText(int[] shape)
    {
        long lists = 0;
        for (int axes = 0; axes < shape.Length; axes++)
            lists += Count(shape.AsSpan(0, axes));
        return 3 * lists + (FloatText + 1) * Count(shape) - 2;
    }

    // {"id":7,"token":"·","prob":0.5},
    static long WordText(AccessCall call, int length) => Reads(call, length)
        .Where(r => r.Read.Reduction == Reduction.Top)
        .Sum(r => Count(r.Shape) * (3 + Math.Min(r.Read.Top, call.Model.Config.VocabSize)
            * (long)(IdText(call) + call.Model.LongestToken + "{\"id\":,\"token\":,\"prob\":},".Length
                + DoubleText)));

    // {"favour":1.5,"top":[{"id":7,"token":"·","logit":2.5}]},
    static long LensText(AccessCall call) => call.Request.Lens is not { } lens ? 0
        : (long)LayersOf(call).Count * (1 + HeadsOf(call).Count) * lens.Positions.Count
            * ("{\"favour\":,\"top\":[]},".Length + FloatText + lens.Top * (IdText(call)
                + call.Model.LongestToken + "{\"id\":,\"token\":,\"logit\":},".Length + FloatText));

    static long GeneratedText(AccessCall call) => call.Request.Generation is not { } generation ? 0
        : ",\"generated\":{\"ids\":[],\"text\":\"\",\"finish_reason\":\"length\"}".Length
            + generation.MaxTokens * (IdText(call) + 1L + call.Model.LongestToken);

    static int IdText(AccessCall call) => $"{call.Model.Config.VocabSize - 1}".Length;

    static IReadOnlyList<int> LayersOf(AccessCall call)
        => call.Request.Lens!.Layers ?? call.Model.Lenses[call.Request.Lens.Name].Layers;

    static IReadOnlyList<int> HeadsOf(AccessCall call)
        => !call.Model.Lenses[call.Request.Lens!.Name].ReadsHeads ? []
            : call.Request.Lens.Heads ?? [.. Enumerable.Range(0, call.Model.Config.Heads)];

    /// <summary>Most bytes that a token of a tokenizer takes in JSON, with quotes, alone or as a part of a
    /// text.</summary>
    internal static int LongestToken(ByteBpeTokenizer? tokenizer)
    {
        // What stands for an id without a token.
        int longest = 2 + JsonEncodedText.Encode($"<id {int.MaxValue}>").EncodedUtf8Bytes.Length;
        for (int id = 0; id < tokenizer?.VocabSize; id++)
            if (tokenizer.HasToken(id))
                longest = Math.Max(longest, 2 + Math.Max(
                    JsonEncodedText.Encode(tokenizer.TokenText(id)).EncodedUtf8Bytes.Length,
                    tokenizer.DecodeBytes([id]).Sum(BytesOf)));
        return longest;
    }

    // A byte of a character that is not plain has at most \uFFFD for itself.
    static int BytesOf(byte b) => b is >= 0x20 and < 0x7F && !JavaScriptEncoder.Default.WillEncode(b) ? 1 : 6;
}
