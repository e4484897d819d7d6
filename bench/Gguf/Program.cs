using HeadTap.Gguf;
using HeadTap.Models;
using HeadTap.Runtime;

// Gguf MODEL-FOLDER FILE [f32|f16|bf16]: writes a GPT-2 as llama.cpp reads it, so that a bench has it as a
// peer with
// the same weights. Matrices have the type, vectors are f32. Benches give token ids, so the tokens have
// made-up names.
if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine("expected MODEL-FOLDER FILE [f32|f16|bf16]");
    return 2;
}
TensorType type = Enum.Parse<TensorType>(args.ElementAtOrDefault(2) ?? "f32", ignoreCase: true);
ModelConfig config = ModelFolder.ReadConfig(args[0]);
if (config.Architecture.ModelType != "gpt2" || config.Activation != Activation.GeluTanh || config.HeadBias)
{
    Console.Error.WriteLine("expected a GPT-2 with gelu_new and a head without bias: llama.cpp has no other");
    return 2;
}
var tensors = new Dictionary<ParameterSlice, float[]>();
ModelFolder.ReadParameters(args[0], config, slice => tensors[slice] = new float[slice.Length]);
var file = new GgufFile();
file.Add("general.architecture", "gpt2");
file.Add("general.file_type", type switch { TensorType.F32 => 0u, TensorType.F16 => 1u, _ => 32u });
file.Add("gpt2.context_length", (uint)config.ContextLength);
file.Add("gpt2.embedding_length", (uint)config.Width);
file.Add("gpt2.feed_forward_length", (uint)config.Inner);
file.Add("gpt2.block_count", (uint)config.Layers);
file.Add("gpt2.attention.head_count", (uint)config.Heads);
file.Add("gpt2.attention.layer_norm_epsilon", config.LayerNormEpsilon);
file.Add("gpt2.vocab_size", (uint)config.VocabSize);
file.Add("tokenizer.ggml.model", "gpt2");
file.Add("tokenizer.ggml.pre", "gpt-2");
// The first 256 are the bytes: what loads the file encodes a text or two.
file.Add("tokenizer.ggml.tokens", [.. Enumerable.Range(0, config.VocabSize)
    .Select(i => i < 256 ? ByteName(i) : $"<{i}>")]);
file.Add("tokenizer.ggml.merges", (string[])[]);
file.Add("tokenizer.ggml.eos_token_id", (uint)(config.EosToken ?? config.VocabSize - 1));
foreach ((ParameterSlice slice, float[] values) in tensors)
{
    bool matrix = slice.Shape.Length == 2;
    // llama.cpp multiplies rows of weights by inputs: [outputs, inputs], as the embeddings are already.
    bool turn = matrix && slice.Layer >= 0;
    file.Add(Gpt2Names.Of(slice), turn ? [slice.Shape[1], slice.Shape[0]] : slice.Shape,
        turn ? Turned(values, slice.Shape[0], slice.Shape[1]) : values,
        matrix && slice.Role != Role.PositionEmbedding ? type : TensorType.F32);
}
file.Write(args[1]);
return 0;

// GPT-2's characters for bytes: printable ones are themselves, the others follow from 256 on.
static string ByteName(int value)
{
    bool Printable(int b) => b is >= '!' and <= '~' or >= 0xA1 and <= 0xFF and not 0xAD;
    return ((char)(Printable(value) ? value : 256 + Enumerable.Range(0, value).Count(b =>
        !Printable(b)))).ToString();
}

static float[] Turned(float[] values, int rows, int columns)
{
    var turned = new float[values.Length];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            turned[(long)c * rows + r] = values[(long)r * columns + c];
    return turned;
}
