namespace HeadTap.Merge;

/// <summary>
/// How the task vectors t_i = theta_i - theta_0 of several models lie to each other, in one tensor or in all.
/// </summary>
/// <remarks>
/// Task vectors: Ilharco et al. 2023, arXiv 2212.04089. Signs: Yadav et al. 2023, arXiv 2306.01708. A number
/// is <em>shared</em> if at least two task vectors are not 0 there, and <em>in conflict</em> if one of them
/// is above 0 and one below. Sums are float64.
/// </remarks>
public sealed class VectorGeometry
{
    readonly double[,] _dots;
    readonly long[,] _shared, _conflicts; // of pairs

    /// <summary>No number yet.</summary>
    /// <param name="models">Task vectors.</param>
    internal VectorGeometry(int models)
    {
        _dots = new double[models, models];
        _shared = new long[models, models];
        _conflicts = new long[models, models];
    }

    /// <summary>Numbers of one task vector.</summary>
    public long Numbers { get; private set; }

    /// <summary>Numbers at which at least two task vectors are not 0.</summary>
    public long Shared { get; private set; }

    /// <summary>Numbers at which one task vector is above 0 and one below.</summary>
    public long Conflicts { get; private set; }

    /// <summary>Conflicts of all vectors over the shared numbers, 0 to 1; null if no number is
    /// shared.</summary>
    public double? ConflictShare => Shared == 0 ? null : (double)Conflicts / Shared;

    /// <summary>The Euclidean norm of a task vector.</summary>
    public double Norm(int model) => Math.Sqrt(_dots[model, model]);

    /// <summary>The cosine between two task vectors, -1 to 1; null if one of them is 0, for then it has no
    /// direction.</summary>
    public double? Cosine(int a, int b)
    {
        if (_dots[a, a] == 0 || _dots[b, b] == 0)
            return null;
        return a == b ? 1 : Math.Clamp(_dots[Math.Min(a, b), Math.Max(a, b)] / (Norm(a) * Norm(b)), -1, 1);
    }

    /// <summary>Conflicts of a pair over the numbers at which neither is 0, 0 to 1; null if there is no such
    /// number.</summary>
    public double? PairConflictShare(int a, int b)
    {
        (int low, int high) = (Math.Min(a, b), Math.Max(a, b));
        return _shared[low, high] == 0 ? null : (double)_conflicts[low, high] / _shared[low, high];
    }

    /// <summary>Adds a piece.</summary>
    /// <param name="t">[models][numbers].</param>
    internal void Add(double[][] t)
    {
        int models = t.Length;
        for (int a = 0; a < models; a++)
            for (int b = a; b < models; b++)
                AddPair(t, a, b);
        Numbers += t[0].Length;
        for (int i = 0; i < t[0].Length; i++)
        {
            int above = 0, below = 0;
            for (int m = 0; m < models; m++)
            {
                above += t[m][i] > 0 ? 1 : 0;
                below += t[m][i] < 0 ? 1 : 0;
            }
            Shared += above + below > 1 ? 1 : 0;
            Conflicts += above > 0 && below > 0 ? 1 : 0;
        }
    }

    void AddPair(double[][] t, int a, int b)
    {
        double dot = 0;
        long shared = 0, conflicts = 0;
        for (int i = 0; i < t[a].Length; i++)
        {
            (double x, double y) = (t[a][i], t[b][i]);
            dot += x * y;
            shared += x != 0 && y != 0 ? 1 : 0;
            conflicts += (x > 0 && y < 0) || (x < 0 && y > 0) ? 1 : 0;
        }
        _dots[a, b] += dot;
        _shared[a, b] += shared;
        _conflicts[a, b] += conflicts;
    }

    /// <summary>Adds other numbers of the same task vectors.</summary>
    internal void Add(VectorGeometry other)
    {
        (Numbers, Shared, Conflicts) =
            (Numbers + other.Numbers, Shared + other.Shared, Conflicts + other.Conflicts);
        for (int a = 0; a < _dots.GetLength(0); a++)
            for (int b = a; b < _dots.GetLength(0); b++)
            {
                _dots[a, b] += other._dots[a, b];
                _shared[a, b] += other._shared[a, b];
                _conflicts[a, b] += other._conflicts[a, b];
            }
    }
}
