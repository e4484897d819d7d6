using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Where an edit's value comes from. Kept as a description, so a spec stays small and readable.
/// </summary>
public abstract record EditValue
{
    /// <summary>Numbers: one row for every place the edit touches.</summary>
    public static EditValue Numbers(params float[] values) => new InlineValue(values);

    /// <summary>One number for every place the edit touches.</summary>
    public static EditValue Constant(float value) => new ConstantValue(value);

    /// <summary>A tensor of a safetensors file, such as <c>trace --out</c> writes.</summary>
    public static EditValue File(string path, string tensor) => new FileValue(path, tensor);

    /// <summary>The array of an <c>.npy</c> file, float32 in C order.</summary>
    public static EditValue File(string path) => new FileValue(path, null);

    /// <summary>
    /// What the site is on average over all tokens of a data set: texts, or ids as a JSON list of lists.
    /// <see cref="EditMeans.Find"/> runs the model over it.
    /// </summary>
    public static EditValue MeanOf(string path) => new DataMeanValue(path);

    /// <summary>
    /// A memory: the sum of the unembedding's columns of the given tokens, each token once however often it
    /// occurs (Sakarvadia et al. 2023, arXiv 2309.05605: b W_Uᵀ with b the k-hot vector of the memory's
    /// tokens).
    /// </summary>
    public static EditValue Unembed(params int[] tokens) => new EmbeddingValue(tokens, Head: true);

    /// <summary>As <see cref="Unembed"/> with the token embedding: b W_E.</summary>
    public static EditValue Embed(params int[] tokens) => new EmbeddingValue(tokens, Head: false);

    /// <summary>
    /// As <see cref="Unembed"/>, taken back to the edited stream by its Jacobian lens: see
    /// <see cref="JacobianValue"/>.
    /// </summary>
    /// <param name="lens">Folder of the lens.</param>
    /// <param name="tokens">Token ids.</param>
    public static EditValue Jacobian(string lens, params int[] tokens) => new JacobianValue(lens, tokens);

    /// <summary>Values of another run with their shape, batch axis first.</summary>
    public static EditValue Recorded(float[] values, params int[] shape) => new RecordedValue(values, shape);

    /// <summary>The numbers that it stands for in a model.</summary>
    /// <exception cref="UserException">There are none.</exception>
    public float[] For(LanguageModel model) => Resolve(model).Values;

    /// <summary>The value for one site; most values are the same everywhere.</summary>
    internal virtual EditValue ForSite(Site site) => this;

    /// <summary>The value for one text of a batch that runs by itself: of a recording its own row.</summary>
    /// <param name="row">The text's row in the batch, from 0.</param>
    internal EditValue OfRow(int row)
        => this is RecordedValue or FileValue { Row: null } ? new BatchRowValue(this, row) : this;

    /// <summary>The values and their shape; a vector has one extent.</summary>
    internal abstract (float[] Values, int[] Shape) Resolve(LanguageModel model);

    /// <summary>
    /// The shape that <see cref="Resolve"/> will give, known before the model is; [] for one number that
    /// serves all, null where the value is made to fit the site.
    /// </summary>
    /// <exception cref="UserException">There will be no value.</exception>
    internal abstract int[]? ShapeFor(ModelConfig config);
}

/// <summary>See <see cref="EditValue.Constant"/>.</summary>
/// <param name="Value">The number.</param>
public sealed record ConstantValue(float Value) : EditValue
{
    internal override (float[], int[]) Resolve(LanguageModel model) => ([Value], []);

    internal override int[] ShapeFor(ModelConfig config) => [];
}

/// <summary>See <see cref="EditValue.MeanOf"/>.</summary>
/// <param name="Path">A file of texts (<c>.txt</c>, <c>.jsonl</c>), or of ids (<c>.json</c>).</param>
public sealed record DataMeanValue(string Path) : EditValue
{
    /// <summary>SHA-256 of the file where it was recorded; null where it was not.</summary>
    public string? Sha256 { get; init; }

    internal override (float[], int[]) Resolve(LanguageModel model) => throw new InvalidOperationException(
        $"EditMeans.Find takes the mean of {Path} before the edit is attached.");

    internal override int[]? ShapeFor(ModelConfig config)
    {
        using FileStream exists = InputFile.Open(Path);
        return null;
    }
}

/// <summary>See <see cref="EditValue.Numbers"/>.</summary>
/// <param name="Values">The row.</param>
public sealed record InlineValue(float[] Values) : EditValue
{
    internal override (float[], int[]) Resolve(LanguageModel model) => (Values, [Values.Length]);

    internal override int[] ShapeFor(ModelConfig config) => [Values.Length];
}

/// <summary>See <see cref="EditValue.Recorded"/>.</summary>
/// <param name="Values">All values.</param>
/// <param name="Shape">[B, T, …].</param>
public sealed record RecordedValue(float[] Values, int[] Shape) : EditValue
{
    internal override (float[], int[]) Resolve(LanguageModel model) => (Values, Shape);

    internal override int[] ShapeFor(ModelConfig config)
        => Shape.Aggregate(1L, (product, extent) => product * extent) == Values.Length ? Shape
            : throw new UserException(
                $"edit value: {Counted.Of(Values.Length, "number")} "
                + $"{Counted.Verb(Values.Length, "is", "are")} not a tensor of shape {Quoted.Shape(Shape)}");
}

/// <summary>See <see cref="EditValue.Unembed"/> and <see cref="EditValue.Embed"/>.</summary>
/// <param name="Tokens">Token ids; repeated ones count once.</param>
/// <param name="Head">True for the unembedding, false for the token embedding.</param>
public sealed record EmbeddingValue(int[] Tokens, bool Head) : EditValue
{
    internal override (float[], int[]) Resolve(LanguageModel model)
    {
        int[] shape = ShapeFor(model.Config);
        Tensor table = Head ? model.Weights.Head : model.Weights.TokenEmbedding;
        float[] sum = new float[shape[0]], row = new float[shape[0]];
        foreach (int token in Tokens.Distinct())
        {
            table.SliceRows(token, 1).Download(row);
            for (int c = 0; c < sum.Length; c++)
                sum[c] += row[c];
        }
        return (sum, shape);
    }

    internal override int[] ShapeFor(ModelConfig config)
    {
        if (Tokens.Length == 0)
            throw new UserException("edit value: a memory needs at least one token");
        foreach (int token in Tokens)
            if (token < 0 || token >= config.VocabSize)
                throw new UserException(
                    $"edit value: token {token} is outside the vocabulary of {config.VocabSize}");
        return [config.Width];
    }
}
