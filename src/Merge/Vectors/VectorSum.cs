using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>A sum of task vectors with signs: A + B, -A, A + B - C.</summary>
/// <param name="Name">As a reader writes it; the models are A, B, C ... in their order.</param>
/// <param name="Signs">1, -1 or 0 for each task vector.</param>
public sealed record VectorSum(string Name, IReadOnlyList<double> Signs)
{
    /// <summary>Most models, for each has a letter.</summary>
    public const int MostModels = 26;

    /// <summary>The letter of a model: A for 0.</summary>
    public static string Letter(int model) => ((char)('A' + model)).ToString();

    /// <summary>Each vector alone, each taken away, and the sum of all if there are several.</summary>
    public static IReadOnlyList<VectorSum> Usual(int models)
    {
        List<VectorSum> all = [];
        for (int m = 0; m < models; m++)
            all.Add(new VectorSum(Letter(m), Unit(models, m, 1)));
        if (models > 1)
            all.Add(new VectorSum(string.Join(" + ", Enumerable.Range(0, models).Select(Letter)),
                [.. Enumerable.Repeat(1.0, models)]));
        for (int m = 0; m < models; m++)
            all.Add(new VectorSum($"-{Letter(m)}", Unit(models, m, -1)));
        return all;
    }

    /// <summary>The analogy "A is to C as B is to the result": A + B - C of three letters with commas between
    /// them.</summary>
    /// <param name="letters">"A,B,C" for one.</param>
    /// <param name="models">Models that have a letter.</param>
    /// <param name="option">The option that the letters were given for.</param>
    /// <exception cref="UserException">They are not three different letters of models.</exception>
    public static VectorSum Analogy(string letters, int models, string option)
    {
        ArgumentNullException.ThrowIfNull(letters);
        int[] at = [.. letters.Split(',', StringSplitOptions.TrimEntries)
            .Select(l => l.Length == 1 ? char.ToUpperInvariant(l[0]) - 'A' : -1)];
        if (at.Length != 3 || at.Distinct().Count() != 3 || at.Any(m => m < 0 || m >= models))
            throw new UserException($"{Field.Of(option)} is {Quoted.Name(letters)}; expected three different "
                + "letters of models with commas between them, as A,B,C for A + B - C; there "
                + $"{Counted.Verb(models, "is", "are")} {Counted.Of(models, "model")}"
                + (models < 3 ? "" : $", A to {Letter(models - 1)}"));
        double[] signs = new double[models];
        (signs[at[0]], signs[at[1]], signs[at[2]]) = (1, 1, -1);
        return new VectorSum($"{Letter(at[0])} + {Letter(at[1])} - {Letter(at[2])}", signs);
    }

    static double[] Unit(int models, int model, double sign)
    {
        double[] signs = new double[models];
        signs[model] = sign;
        return signs;
    }
}
