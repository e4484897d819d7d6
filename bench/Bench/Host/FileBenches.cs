using BenchmarkDotNet.Attributes;
using HeadTap.Models;

namespace HeadTap.Bench;

/// <summary>
/// Loading GPT-2 124M's weights, 475 MiB of float32, from a file that the system holds in memory.
/// </summary>
public class WeightsFileBench
{
    readonly ModelConfig _config = new()
    {
        VocabSize = 50257, ContextLength = 1024, Width = 768, Layers = 12, Heads = 12,
    };
    string _folder = "";
    float[] _weights = [];

    [GlobalSetup]
    public void Write()
    {
        _folder = Directory.CreateTempSubdirectory("headtap-bench-").FullName;
        _weights = new float[new ParameterLayout(_config).TotalLength];
        for (int i = 0; i < _weights.Length; i++)
            _weights[i] = i % 1000 * 1e-3f;
        ModelFolder.Write(_folder, _config, _weights);
    }

    [Benchmark]
    public void Load() => ModelFolder.ReadParameters(_folder, _config, _weights);

    /// <summary>Header and sizes alone: what a command does before it takes memory.</summary>
    [Benchmark]
    public void Check() => ModelFolder.Check(_folder);

    [GlobalCleanup]
    public void Remove() => Directory.Delete(_folder, recursive: true);
}

/// <summary>
/// A row of training metrics appended to a JSONL file; each reaches the system before the next.
/// </summary>
public class MetricsFileBench
{
    string _path = "";
    JsonlWriter _writer = null!;
    int _step;

    [GlobalSetup]
    public void Open()
    {
        _path = Path.GetTempFileName();
        _writer = JsonlWriter.Create(_path);
    }

    [Benchmark]
    public void WriteRow()
        => _writer.Write(new { Step = _step++, Loss = 3.25, Rate = 6e-4, Norm = 1.5, Tokens = 2048L });

    [GlobalCleanup]
    public void Remove()
    {
        _writer.Dispose();
        File.Delete(_path);
    }
}
