using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

// Hugging Face's config.json. Fields that do not change what the model computes are not read.
public sealed partial record ModelConfig
{
    // Ours: Hugging Face's GPT-2 has no bias in its head and would leave it out.
    const string HeadBiasField = "headtap_head_bias";

    const string PrunedHeadsField = "pruned_heads";

    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Reads a Hugging Face <c>config.json</c>.</summary>
    /// <remarks>A beginning or end token outside the vocabulary, the default in small models, becomes
    /// null.</remarks>
    /// <exception cref="UserException">It is missing, is of no known architecture, or asks for something we
    /// do not do.</exception>
    public static ModelConfig Read(string path) => Read(path, Architecture.Known);

    internal static ModelConfig Read(string path, IReadOnlyList<Architecture> known)
    {
        using JsonDocument document = InputFile.ReadJsonObject(path, most: 1 << 20);
        var json = new JsonFields(path, document.RootElement);
        string type = json.Text("model_type", known[0].ModelType);
        Architecture architecture = known.FirstOrDefault(a => a.ModelType == type)
            ?? throw json.Bad("model_type", Quoted.Name(type),
                string.Join(" or ", known.Select(a => $"\"{a.ModelType}\"")));
        ConfigKeys k = architecture.Config;
        foreach (string option in k.Refused)
            if (json.Flag(option, false))
                throw json.Bad(option, "true", "false; this variant of attention is not supported");
        foreach (string option in k.Needed)
            if (!json.Flag(option, true))
                throw json.Bad(option, "false", "true; a model without it is not supported");
        if (json.Object(PrunedHeadsField).Count > 0)
            throw json.Bad(PrunedHeadsField, "not empty", "no pruned heads; they are not supported");
        // nanoGPT's own config.
        bool nano = k.NanoGptContextLength is { } block && json.Has(block) && !json.Has(k.ContextLength)
            && !(k.OlderContextLength is { } n && json.Has(n));
        int vocabSize = json.Int(k.VocabSize), width = json.Int(k.Width);
        int inner = json.Int(k.Inner, 0), heads = json.Int(k.Heads);
        RotaryKeys? rotary = k.RotaryShare is null ? null : RotaryKeys.Read(json, k);
        return new ModelConfig
        {
            Architecture = architecture,
            VocabSize = vocabSize,
            ContextLength = json.Int(nano ? k.NanoGptContextLength!
                : k.OlderContextLength is { } older && !json.Has(k.ContextLength) ? older : k.ContextLength),
            Width = width,
            Layers = json.Int(k.Layers),
            Heads = heads,
            Inner = inner == 4L * width ? 0 : json.Has(k.Inner) && inner == 0 ? -1 : inner,
            Activation = ReadActivation(json, k, nano ? Activation.GeluExact : k.AbsentActivation),
            LayerNormEpsilon = json.Float(k.LayerNormEpsilon, 1e-5f),
            TiedHead = json.Flag(k.TiedHead, k.AbsentTiedHead),
            HeadBias = json.Flag(HeadBiasField, false),
            ScaleAttention = k.ScaleAttention is null || json.Flag(k.ScaleAttention, true),
            ScaleAttentionByLayer = k.ScaleAttentionByLayer is { } byLayer && json.Flag(byLayer, false),
            // Hugging Face cuts the product to a whole number.
            RotaryNumbers = rotary is null || heads < 1 ? 0 : (int)(width / heads * (double)rotary.Share),
            RotaryBase = rotary?.Base ?? RotaryKeys.UsualBase,
            ParallelResidual = k.ParallelResidual is { } parallel && json.Flag(parallel, true),
            ResidualDropout = json.Float(k.ResidualDropout, k.AbsentDropout),
            EmbeddingDropout = json.Float(k.EmbeddingDropout, k.AbsentDropout),
            AttentionDropout = json.Float(k.AttentionDropout, k.AbsentDropout),
            BosToken = json.Token("bos_token_id", vocabSize),
            EosToken = json.Token("eos_token_id", vocabSize),
        }.Validated(path);
    }

    /// <summary>Writes a <c>config.json</c> that Hugging Face loads, keys in alphabetical order.</summary>
    /// <exception cref="UserException">A size is not usable, or the place cannot be written.</exception>
    public void Write(string path)
    {
        Validated(path);
        ConfigKeys k = Architecture.Config;
        var fields = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal)
        {
            [k.Activation] = ActivationName(Activation),
            [k.AttentionDropout] = AttentionDropout,
            ["bos_token_id"] = BosToken,
            [k.EmbeddingDropout] = EmbeddingDropout,
            ["eos_token_id"] = EosToken,
            [k.LayerNormEpsilon] = LayerNormEpsilon,
            ["model_type"] = Architecture.ModelType,
            [k.Width] = Width,
            [k.Heads] = Heads,
            [k.Inner] = _inner == 0 && !k.WritesInner ? null : Inner,
            [k.Layers] = Layers,
            [k.ContextLength] = ContextLength,
            [k.ResidualDropout] = ResidualDropout,
            [k.TiedHead] = TiedHead,
            [k.VocabSize] = VocabSize,
        };
        if (k.OlderContextLength is { } older)
            fields[older] = ContextLength;
        if (k.ScaleAttention is { } scale)
            fields[scale] = ScaleAttention;
        if (k.ScaleAttentionByLayer is { } byLayer && ScaleAttentionByLayer)
            fields[byLayer] = true;
        if (k.RotaryShare is not null)
            RotaryKeys.Write(fields, k, this);
        if (k.ParallelResidual is { } parallel)
            fields[parallel] = ParallelResidual;
        foreach ((string key, string value) in k.Constants)
            fields[key] = JsonNode.Parse(value);
        var json = new JsonObject(fields);
        if (HeadBias)
            json[HeadBiasField] = true;
        AtomicFile.WriteText(path, json.ToJsonString(Indented) + "\n");
    }

    // Every spelling that transformers has of the three functions.
    static Activation ReadActivation(JsonFields json, ConfigKeys k, Activation absent)
        => json.Text(k.Activation, ActivationName(absent)) switch
    {
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_python_tanh" or "gelu_fast" or "gelu_accurate"
            => Activation.GeluTanh,
        "gelu" or "gelu_python" => Activation.GeluExact,
        "relu" => Activation.Relu,
        var other => throw json.Bad(k.Activation, Quoted.Name(other), "gelu_new, gelu_pytorch_tanh, "
            + "gelu_python_tanh, gelu_fast or gelu_accurate (one function), gelu, gelu_python or relu"),
    };

    internal static string ActivationName(Activation activation) => activation switch
    {
        Activation.GeluTanh => "gelu_new",
        Activation.GeluExact => "gelu",
        Activation.Relu => "relu",
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, null),
    };
}
