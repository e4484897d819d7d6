using System.Numerics;
using HeadTap.Models.Tests;
using HeadTap.Reference;

namespace HeadTap.Lens.Tests;

/// <summary>The Jacobian of a prompt by its definition, from the textbook model.</summary>
static class JacobianOracle
{
    const double Step = 1e-4; // central differences in float64: an error of about Step squared

    /// <summary>
    /// Central differences: a number of the source stream is moved at one position, and what the last stream
    /// does at the valid positions is summed.
    /// </summary>
    /// <param name="test">The model.</param>
    /// <param name="tokens">The prompt.</param>
    /// <param name="source">Name of the source site.</param>
    /// <param name="valid">V.</param>
    /// <param name="samePosition">Whether only t' = t counts, which is not the definition.</param>
    internal static double[] Differences(
        TestModel test, int[] tokens, string source, Range valid, bool samePosition = false)
    {
        int C = test.Model.Config.Width;
        (int from, int count) = valid.GetOffsetAndLength(tokens.Length);
        double[] mean = new double[C * C];
        for (int t = from; t < from + count; t++)
            for (int j = 0; j < C; j++)
            {
                double[] up = Moved(test, tokens, source, t * C + j, Step);
                double[] down = Moved(test, tokens, source, t * C + j, -Step);
                for (int u = samePosition ? t : from; u < (samePosition ? t + 1 : from + count); u++)
                    for (int i = 0; i < C; i++)
                        mean[i * C + j] += (up[u * C + i] - down[u * C + i]) / (2 * Step) / count;
            }
        return mean;
    }

    /// <summary>Backward passes of plain loops, one for each output dimension.</summary>
    internal static TReal[] PlainLoops<TReal>(TestModel test, IReadOnlyDictionary<string, TReal[]> parameters,
        int[] tokens, string source, Range valid)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int C = test.Model.Config.Width, V = test.Model.Config.VocabSize;
        (int from, int count) = valid.GetOffsetAndLength(tokens.Length);
        var mean = new TReal[C * C];
        for (int i = 0; i < C; i++)
        {
            int dimension = i;
            TReal[] OneHot(string name, TReal[] gradient)
            {
                if (name != Last(test))
                    return gradient;
                for (int t = from; t < from + count; t++)
                    gradient[t * C + dimension] = TReal.One;
                return gradient;
            }
            TReal[] found = Gpt2Reference.BackwardFrom(test.Sizes, parameters, tokens,
                new TReal[tokens.Length * V], hookBackward: OneHot).Sites[source];
            for (int t = from; t < from + count; t++)
                for (int j = 0; j < C; j++)
                    mean[i * C + j] += found[t * C + j] / TReal.CreateChecked(count);
        }
        return mean;
    }

    static double[] Moved(TestModel test, int[] tokens, string source, int place, double step)
        => Gpt2Reference.Forward(test.Sizes, test.Exact, tokens, (name, x) =>
        {
            if (name == source)
                x[place] += step;
            return x;
        })[Last(test)];

    static string Last(TestModel test) => $"blocks.{test.Model.Config.Layers - 1}.hook_resid_post";
}
