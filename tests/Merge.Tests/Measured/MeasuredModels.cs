using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>Small models near a base, and rows to measure them on.</summary>
sealed class MeasuredModels : IDisposable
{
    internal static ModelConfig Config { get; } = ModelConfig.Tiny;

    readonly string _folder = Directory.CreateTempSubdirectory("headtap-measured-").FullName;

    internal ComputeDevice Device { get; } = ComputeDevice.OpenHost();

    internal string At(string name) => Path.Combine(_folder, name);

    internal ParameterLayout Layout { get; } = new(Config);

    /// <summary>Writes a model: a base of a seed plus noise.</summary>
    internal float[] Write(string name, int noise, float scale)
    {
        using var start = new LanguageModel(Device, Config);
        start.Initialize(9, deviation: 0.3f);
        float[] change = Tensors.Normal(noise, (int)Layout.TotalLength, scale);
        float[] flat = [.. Layout.Slices.SelectMany(s => start.Set[s.Name].ToArray())
            .Zip(change, (w, c) => w + c)];
        ModelFolder.Write(At(name), Config, flat);
        return flat;
    }

    internal static IReadOnlyList<int[]> Rows(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, random.Next(2, 12))
            .Select(_ => random.Next(Config.VocabSize)).ToArray())];
    }

    internal MergeMeasurement Of(MergeMethod method, IReadOnlyList<IReadOnlyList<int[]>> rows,
        string[] models, string? start = null, params (MergeParameter Parameter, double Value)[] values)
        => new()
        {
            Device = Device, Rows = rows, Config = new MergeConfig
            {
                Method = method, BaseModel = start is null ? null : At(start),
                Models = [.. models.Select(m =>
                    new MergeParent(At(m), new Dictionary<string, ParameterValue>()))],
                Parameters = values.ToDictionary(
                    v => v.Parameter.Name, v => ParameterValue.Of(v.Value)),
            },
        };

    /// <summary>The merged folder's numbers.</summary>
    internal float[] Merged(MergeMeasurement measurement)
    {
        string into = At($"out-{Guid.NewGuid():N}");
        MergeMethod bound = ((MeasuredMethod)measurement.Config.Method).Measured(measurement);
        using (var run = new MergeRun(measurement.Config with { Method = bound }))
            run.Write(into);
        float[] flat = new float[Layout.TotalLength];
        ModelFolder.ReadParameters(into, Config, flat);
        return flat;
    }

    internal LanguageModel Load(float[] flat)
    {
        var model = new LanguageModel(Device, Config);
        foreach (ParameterSlice slice in Layout.Slices)
            model.Set[slice.Name].Upload(flat.AsSpan((int)slice.Offset, (int)slice.Length));
        return model;
    }

    public void Dispose()
    {
        if (!Directory.Exists(_folder))
            return;
        Device.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
