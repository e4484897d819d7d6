using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>The geometry of a tensor's task vectors.</summary>
/// <param name="Name">Name of the tensor.</param>
/// <param name="Geometry">Norms, cosines and signs.</param>
public sealed record TensorGeometry(string Name, VectorGeometry Geometry);

/// <summary>
/// A base model and models that were trained from it, on the disk: measured, and added up to a model, in
/// pieces, so that none of them is ever whole in memory.
/// </summary>
public sealed class TaskVectorSet : IDisposable
{
    readonly ParentFolders _folders; // the base is the first

    /// <summary>Opens the folders and checks that they fit together; no number is read.</summary>
    /// <exception cref="UserException">A model is missing or damaged, or differs in its sizes from the
    /// base.</exception>
    public TaskVectorSet(string baseModel, IReadOnlyList<string> models)
    {
        ArgumentNullException.ThrowIfNull(models);
        Models = models.Count;
        _folders = new ParentFolders([baseModel, .. models]);
    }

    /// <summary>Task vectors.</summary>
    public int Models { get; }

    /// <summary>Measures every tensor, on all cores; the bits do not depend on threads.</summary>
    /// <param name="progress">Told the share of numbers that are read.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="UserException">A number of a model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyList<TensorGeometry> Measure(
        Action<double>? progress = null, CancellationToken cancellation = default)
    {
        List<TensorGeometry> tensors = [];
        foreach (ParameterSlice slice in _folders.Layout.Slices)
        {
            cancellation.ThrowIfCancellationRequested();
            tensors.Add(new TensorGeometry(slice.Name, Measure(slice)));
            progress?.Invoke((double)(slice.Offset + slice.Length) / _folders.Layout.TotalLength);
        }
        return tensors;
    }

    /// <summary>The tensors' geometries as one.</summary>
    public VectorGeometry InAll(IReadOnlyList<TensorGeometry> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var all = new VectorGeometry(Models);
        foreach (TensorGeometry tensor in tensors)
            all.Add(tensor.Geometry);
        return all;
    }

    /// <summary>
    /// Sets a model's weights to <c>theta_0 + sum_i share_i t_i</c>: a sum in float64, rounded once.
    /// </summary>
    /// <param name="shares">A number for each task vector: 1 adds it, -1 takes it away.</param>
    /// <param name="into">A model of the same sizes, set in place.</param>
    /// <exception cref="UserException">A number of a model is not finite.</exception>
    public void Write(IReadOnlyList<double> shares, LanguageModel into)
    {
        ArgumentNullException.ThrowIfNull(shares);
        ArgumentNullException.ThrowIfNull(into);
        float[] sum = new float[ParentTensor.PieceLength], one = new float[ParentTensor.PieceLength];
        double[] exact = new double[ParentTensor.PieceLength];
        foreach (ParameterSlice slice in _folders.Layout.Slices)
            for (long start = 0; start < slice.Length; start += sum.Length)
            {
                int n = (int)Math.Min(sum.Length, slice.Length - start);
                _folders.Read(0, slice, start, sum.AsSpan(0, n));
                for (int i = 0; i < n; i++)
                    exact[i] = sum[i];
                for (int m = 0; m < Models; m++)
                    if (shares[m] != 0)
                    {
                        _folders.Read(m + 1, slice, start, one.AsSpan(0, n));
                        for (int i = 0; i < n; i++)
                            exact[i] += shares[m] * ((double)one[i] - sum[i]);
                    }
                for (int i = 0; i < n; i++)
                    sum[i] = (float)exact[i];
                into.Set[slice.Name].Slice(slice.Name, start, n).Upload(sum.AsSpan(0, n));
            }
    }

    /// <inheritdoc/>
    public void Dispose() => _folders.Dispose();

    VectorGeometry Measure(ParameterSlice slice)
    {
        long pieces = (slice.Length + ParentTensor.PieceLength - 1) / ParentTensor.PieceLength;
        var parts = new VectorGeometry[pieces];
        Parts.Each(pieces, piece =>
        {
            long start = piece * ParentTensor.PieceLength;
            int n = (int)Math.Min(ParentTensor.PieceLength, slice.Length - start);
            float[] zero = new float[n], one = new float[n];
            _folders.Read(0, slice, start, zero);
            double[][] t = new double[Models][];
            for (int m = 0; m < Models; m++)
            {
                _folders.Read(m + 1, slice, start, one);
                t[m] = new double[n];
                for (int i = 0; i < n; i++)
                    t[m][i] = (double)one[i] - zero[i];
            }
            (parts[piece] = new VectorGeometry(Models)).Add(t);
        });
        var all = new VectorGeometry(Models);
        foreach (VectorGeometry part in parts)
            all.Add(part);
        return all;
    }
}
