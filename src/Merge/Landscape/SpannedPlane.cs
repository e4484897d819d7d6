using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>A plane that models span, and where they lie in it. Models are read one at a time.</summary>
public static class SpannedPlane
{
    /// <summary>The plane through three models; the first is its origin, the second lies to its
    /// right.</summary>
    /// <exception cref="UserException">They do not fit together, lie on one line, or hold NaN.</exception>
    public static PlaneBasis OfModels(IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        return folders.Count == 3 ? GramSchmidt.Of(Differences(folders, 0)) : throw new UserException(
            $"{Counted.Of(folders.Count, "model")}; expected three, whose plane is drawn");
    }

    /// <summary>The first two principal components of checkpoints; the last is the origin.</summary>
    /// <exception cref="UserException">They do not fit together, lie on one line, or hold NaN.</exception>
    public static PlaneBasis OfCheckpoints(IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        return folders.Count >= 3 ? PrincipalComponents.Of(Differences(folders, folders.Count - 1))
            : throw new UserException($"{Counted.Of(folders.Count, "model")}; expected the checkpoints of a "
                + "run in their order, three or more");
    }

    /// <summary>Writes the two directions.</summary>
    /// <param name="space">Its weights are left at the last model that was read.</param>
    /// <param name="folders">The models of the basis.</param>
    /// <param name="basis">Shares of the models.</param>
    /// <param name="origin">Weights of the origin.</param>
    /// <param name="first">Written.</param>
    /// <param name="second">Written.</param>
    /// <param name="each">Called with a model's number while the space's weights are its own.</param>
    /// <exception cref="UserException">A model cannot be read.</exception>
    public static void Write(WeightSpace space, IReadOnlyList<string> folders, PlaneBasis basis,
        FlatParameters origin, FlatParameters first, FlatParameters second, Action<int>? each = null)
    {
        ArgumentNullException.ThrowIfNull(space);
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(basis);
        space.Set(first);
        space.Set(second);
        FlatParameters weights = space.Model.Set;
        for (int i = 0; i < folders.Count; i++)
        {
            space.ReadInto(weights, folders[i]);
            each?.Invoke(i);
            // As a difference: a sum of whole weights that cancel would lose digits.
            space.Set(weights, (1, weights), (-1, origin));
            space.Set(first, (1, first), (basis.First[i], weights));
            space.Set(second, (1, second), (basis.Second[i], weights));
        }
    }

    static double[,] Differences(IReadOnlyList<string> folders, int origin)
    {
        using var opened = new ParentFolders(folders);
        double[,] sum = new double[folders.Count, folders.Count];
        foreach (ParameterSlice slice in opened.Layout.Slices)
        {
            double[,] part = Gram.Of(new Stored(opened, folders.Count, origin, slice), taskVectors: true);
            for (int a = 0; a < folders.Count; a++)
                for (int b = 0; b < folders.Count; b++)
                    sum[a, b] += part[a, b];
        }
        return sum;
    }

    // Task vectors are differences from the origin.
    sealed class Stored(ParentFolders folders, int count, int origin, ParameterSlice slice) : ParentTensor
    {
        public override string Name => slice.Name;

        public override IReadOnlyList<int> Shape => slice.Shape;

        public override int Models => count;

        public override bool HasBase => true;

        public override void Read(int model, long start, Span<float> to)
            => folders.Read(model, slice, start, to);

        public override void ReadBase(long start, Span<float> to) => Read(origin, start, to);
    }
}
