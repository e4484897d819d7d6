using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Reference;

namespace HeadTap.Cli.Tests;

/// <summary>
/// A small model folder as somebody may have it: valid JSON and a valid safetensors file, with values that
/// are
/// plausible and may be wrong. It knows what Hugging Face would compute from it.
/// </summary>
sealed class HostileFolder
{
    static readonly string[] s_linear = [".attn.c_attn.", ".attn.c_proj.", ".mlp.c_fc.", ".mlp.c_proj."];

    readonly SeededRandom _random;
    readonly JsonObject _config;
    readonly List<Stored> _tensors;
    readonly List<string> _done = [];

    sealed record Stored(string Name, int[] Shape, float[] Values, SafetensorsDtype? Dtype);

    /// <param name="seed">Decides everything.</param>
    public HostileFolder(ulong seed)
    {
        _random = new SeededRandom(seed);
        Meaning = new Gpt2Sizes(31, 10, 16, 2, 4, 24);
        Parameters = Gpt2Reference.RandomParameters(Meaning, seed, 4);
        _config = new JsonObject
        {
            ["model_type"] = "gpt2", ["activation_function"] = "gelu_new", ["n_embd"] = 16, ["n_head"] = 4,
            ["n_layer"] = 2, ["n_positions"] = 10, ["n_ctx"] = 10, ["n_inner"] = 24, ["vocab_size"] = 31,
            ["layer_norm_epsilon"] = 1e-5, ["bos_token_id"] = 30, ["eos_token_id"] = 30,
        };
        _tensors = [.. Meaning.Parameters().Select(p =>
            new Stored("transformer." + p.Name, p.Shape, Parameters[p.Name], SafetensorsDtype.F32))];
        Action[] changes = [ChangeConfig, ChangeOption, ChangeNames, ChangeTensor, ChangeHead, ChangeValues];
        // What is wrong stays wrong: nothing is changed after that.
        for (int n = _random.Next(4); n > 0 && !IsWrong; n--)
            changes[_random.Next(changes.Length)]();
    }

    /// <summary>The sizes and options of the model that it is.</summary>
    public Gpt2Sizes Meaning { get; private set; }

    /// <summary>Its parameters.</summary>
    public Dictionary<string, float[]> Parameters { get; }

    /// <summary>Whether it must be refused: no reading of it is right.</summary>
    public bool IsWrong { get; private set; }

    /// <summary>What was changed, for messages.</summary>
    public override string ToString() => _done.Count == 0 ? "nothing changed" : string.Join("; ", _done);

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), _config.ToJsonString());
        var writer = new SafetensorsWriter();
        foreach (Stored t in _tensors)
            if (t.Dtype is { } dtype)
                writer.Add(t.Name, t.Shape, t.Values, dtype);
            else
                writer.AddInts(t.Name, t.Shape, Array.ConvertAll(t.Values, v => (int)v));
        writer.Save(Path.Combine(folder, "model.safetensors"));
    }

    T Any<T>(params ReadOnlySpan<T> choices) => choices[_random.Next(choices.Length)];

    void Set(string key, string json)
    {
        _config[key] = JsonNode.Parse(json);
        _done.Add($"{key} = {json}");
    }

    // Sizes that the weights contradict, and values of a wrong kind.
    void ChangeConfig()
    {
        (string key, string json) = Any(
            ("n_layer", "1"), ("n_layer", "3"), ("n_layer", "0"), ("n_layer", "-1"), ("n_embd", "32"),
            ("n_embd", "8"), ("n_embd", "16.5"), ("n_head", "3"), ("n_head", "0"), ("n_head", "\"4\""),
            ("n_inner", "64"), ("n_inner", "null"), ("n_inner", "-24"), ("vocab_size", "30"),
            ("vocab_size", "50257"), ("n_positions", "1024"), ("n_positions", "9"),
                ("model_type", "\"bert\""),
            ("layer_norm_epsilon", "0"), ("layer_norm_epsilon", "-1e-5"), ("layer_norm_epsilon", "\"1e-5\""),
            ("add_cross_attention", "true"), ("pruned_heads", "{\"0\":[1]}"),
                ("scale_attn_weights", "\"no\""),
            ("activation_function", "\"swish\""), ("activation_function", "\"quick_gelu\""),
            ("bos_token_id", "\"<s>\""), ("resid_pdrop", "1.5"), ("tie_word_embeddings", "0"));
        Set(key, json);
        IsWrong = true;
    }

    // Options that change what is computed, or do not.
    void ChangeOption()
    {
        switch (_random.Next(9))
        {
            case 0:
                (string name, string function) = Any(("gelu_new", "gelu_new"), ("gelu_fast", "gelu_new"),
                    ("gelu_pytorch_tanh", "gelu_new"), ("gelu_python_tanh", "gelu_new"),
                    ("gelu_accurate", "gelu_new"), ("gelu", "gelu"), ("gelu_python", "gelu"),
                    ("relu", "relu"));
                Set("activation_function", $"\"{name}\"");
                Meaning = Meaning with { Activation = function };
                break;
            case 1:
                (string text, double value) = Any(("1e-6", 1e-6), ("1e-3", 1e-3), ("0.1", 0.1),
                    ("1e-12", 1e-12));
                Set("layer_norm_epsilon", text);
                Meaning = Meaning with { Epsilon = (float)value };
                break;
            case 2:
                int heads = Any(1, 2, 8, 16);
                Set("n_head", $"{heads}");
                Meaning = Meaning with { Heads = heads };
                break;
            case 3:
                bool scaled = Any(true, false);
                Set("scale_attn_weights", scaled ? Any("true", "null") : "false");
                Meaning = Meaning with { ScaleAttention = scaled };
                break;
            case 4:
                bool byLayer = Any(true, false);
                Set("scale_attn_by_inverse_layer_idx", byLayer ? "true" : "false");
                Meaning = Meaning with { ScaleAttentionByLayer = byLayer };
                break;
            case 5: Set("reorder_and_upcast_attn", "true"); break;
            case 6: Set("bos_token_id", Any("null", "50256", "-1", "[30, 1]")); break;
            case 7: Set("n_ctx", Any("2048", "null")); break;
            default: Set(Any("torch_dtype", "use_cache", "n_special"),
                Any("null", "\"float16\"", "7")); break;
        }
    }

    void ChangeNames()
    {
        string prefix = Any("_orig_mod.", "module.", "model.", "module._orig_mod.", "");
        bool bare = Any(true, false);
        for (int i = 0; i < _tensors.Count; i++)
        {
            string name = _tensors[i].Name;
            if (bare && name.StartsWith("transformer.", StringComparison.Ordinal))
                name = name["transformer.".Length..];
            _tensors[i] = _tensors[i] with { Name = prefix + name };
        }
        _done.Add($"names with {prefix}{(bare ? "" : "transformer.")}");
    }

    void ChangeTensor()
    {
        int at = _random.Next(_tensors.Count);
        Stored t = _tensors[at];
        if (t.Name.Contains("lm_head", StringComparison.Ordinal))
            return;
        switch (_random.Next(9))
        {
            case 0:
                _tensors.RemoveAt(at);
                IsWrong = IsParameter(t.Name);
                _done.Add($"no {t.Name}");
                break;
            case 1:
                bool norms = Any(true, false);
                _tensors.RemoveAll(x => x.Name.EndsWith(".bias", StringComparison.Ordinal)
                    && !x.Name.EndsWith("attn.bias", StringComparison.Ordinal)
                    && !x.Name.Contains("lm_head", StringComparison.Ordinal)
                    && (norms || !x.Name.Contains("ln_", StringComparison.Ordinal)));
                foreach (string name in Parameters.Keys.Where(n
                    => n.EndsWith(".bias", StringComparison.Ordinal)
                    && n != "lm_head.bias" && (norms || !n.Contains("ln_", StringComparison.Ordinal)))
                        .ToArray())
                    Parameters[name] = new float[Parameters[name].Length];
                _done.Add(norms ? "no biases" : "no biases of matrices");
                break;
            case 2:
                Add("transformer.h.0.attn.bias", [1, 1, 10, 10]);
                break;
            case 3:
                Add(Any("score.weight", "classifier.bias", "v_head.summary.weight", "qa_outputs.weight"),
                    [2, 16]);
                break;
            case 4:
                Add(Any("transformer.h.2.ln_1.weight", "lm_head.bias", "transformer.wte.lora_A",
                    "wse.weight"), [16]);
                IsWrong = true;
                break;
            case 5:
                for (int i = 0; i < _tensors.Count; i++)
                    if (_tensors[i] is { Shape.Length: 2 } m
                        && s_linear.Any(l => m.Name.Contains(l, StringComparison.Ordinal)))
                        _tensors[i] = m with { Shape = [m.Shape[1], m.Shape[0]], Values = Turned(m) };
                _done.Add("matrices [outputs, inputs]");
                break;
            case 6 when t.Shape.Length == 2 && t.Shape[0] != t.Shape[1] && IsParameter(t.Name):
                _tensors[at] = t with { Shape = [t.Shape[1], t.Shape[0]], Values = Turned(t) };
                IsWrong = true;
                _done.Add($"{t.Name} turned");
                break;
            case 7:
                _tensors[at] = t with { Dtype = null };
                IsWrong = IsParameter(t.Name);
                _done.Add($"{t.Name} I32");
                break;
            default:
                _tensors.Add(t with { Name = "transformer.transformer." + t.Name });
                IsWrong = IsParameter(t.Name);
                _done.Add($"{t.Name} twice");
                break;
        }
    }

    bool IsParameter(string name)
        => Meaning.Parameters().Any(p => name.EndsWith(p.Name, StringComparison.Ordinal));

    void ChangeHead()
    {
        if (_tensors.Any(t => t.Name.Contains("lm_head.weight", StringComparison.Ordinal)))
            return;
        bool equal = Any(true, false);
        string? tied = Any("true", "false", "null", null);
        float[] head = [.. Parameters["wte.weight"]];
        if (!equal)
            for (int i = 0; i < head.Length; i++)
                head[i] = -0.5f * head[i];
        // The wrapper that is around the other names is around the head too.
        string first = _tensors[0].Name;
        int end = first.IndexOf("transformer.", StringComparison.Ordinal);
        string prefix = end >= 0 ? first[..end]
            : first[..Math.Max(0, first.IndexOf("wte", StringComparison.Ordinal))];
        _tensors.Add(new Stored(prefix + "lm_head.weight", [31, 16], head, SafetensorsDtype.F32));
        Parameters["lm_head.weight"] = head;
        Meaning = Meaning with { TiedHead = false };
        if (tied is not null)
            Set("tie_word_embeddings", tied);
        _done.Add(equal ? "the head once more" : "a head of its own");
    }

    // NaN and infinity are wrong; large values may overflow.
    void ChangeValues()
    {
        int at = _random.Next(_tensors.Count);
        Stored t = _tensors[at];
        string plain = Meaning.Parameters().Select(p => p.Name)
            .FirstOrDefault(n => t.Name.EndsWith(n, StringComparison.Ordinal) && Parameters.ContainsKey(n))
                ?? "";
        if (plain.Length == 0 || t.Shape.Length != t.Shape.Count(e => e > 0)
            || t.Values.Length != Parameters[plain].Length
            || t.Dtype != SafetensorsDtype.F32 || !t.Values.AsSpan().SequenceEqual(Parameters[plain]))
            return;
        float[] values = [.. t.Values];
        if (Any(true, false))
        {
            values[_random.Next(values.Length)] = Any(float.NaN, float.PositiveInfinity,
                float.NegativeInfinity);
            IsWrong = true;
        }
        else
        {
            float factor = Any(0f, 1e-20f, 30f, 1e4f, 1e10f, 1e20f, 1e30f);
            for (int i = 0; i < values.Length; i++)
                values[i] *= factor;
        }
        _tensors[at] = t with { Values = values };
        Parameters[plain] = values;
        _done.Add($"{t.Name} has {values.Max()}");
    }

    void Add(string name, int[] shape)
    {
        if (_tensors.Any(t => t.Name == name))
            return;
        _tensors.Add(new Stored(name, shape, new float[shape.Aggregate(1, (p, e) => p * e)],
            SafetensorsDtype.F32));
        _done.Add($"{name} added");
    }

    static float[] Turned(Stored t)
    {
        (int rows, int columns) = (t.Shape[0], t.Shape[1]);
        float[] turned = new float[t.Values.Length];
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < columns; c++)
                turned[c * rows + r] = t.Values[r * columns + c];
        return turned;
    }
}
