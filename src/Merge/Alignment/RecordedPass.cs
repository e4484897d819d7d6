using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>A model that tells what it computes at some sites, for any weights of one shape.</summary>
sealed class RecordedPass : IDisposable
{
    readonly LanguageModel _model;
    readonly ModelSession _session;

    internal RecordedPass(ComputeDevice device, ModelConfig config, IReadOnlyList<SequenceBatch> batches,
        IReadOnlyList<Site> sites)
    {
        _model = new LanguageModel(device, config);
        try
        {
            _session = new ModelSession(_model, new SessionOptions
            {
                MaxRows = batches.Max(b => b.B), MaxTokens = batches.Max(b => b.T), Record = sites,
            });
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    /// <summary>Puts weights on the device.</summary>
    internal void Put(ReadOnlySpan<float> flat)
    {
        foreach (ParameterSlice slice in _model.Parameters.Slices)
            _model.Set[slice.Name].Upload(flat.Slice((int)slice.Offset, (int)slice.Length));
    }

    internal void Run(SequenceBatch batch) => _session.Forward(batch);

    /// <summary>Values of the last batch at a site, [real tokens, units].</summary>
    internal double[] At(Site site, SequenceBatch batch)
    {
        Recording recording = _session.Recordings[site];
        float[] all = recording.ToArray();
        int units = all.Length / (batch.B * batch.T), next = 0;
        double[] rows = new double[batch.Lengths.Sum() * units];
        for (int b = 0; b < batch.B; b++)
            for (int i = 0; i < batch.Lengths[b] * units; i++)
                rows[next++] = all[b * batch.T * units + i];
        return rows;
    }

    public void Dispose()
    {
        _session.Dispose();
        _model.Dispose();
    }
}
