using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadTap.Models;

/// <summary>A row of a run's <c>metrics.jsonl</c>: what one step did.</summary>
/// <param name="Step">1 for the first.</param>
/// <param name="Loss">Of the step's tokens before the step, nats.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradientNorm">Before clipping.</param>
/// <param name="Tokens">Tokens whose loss counted, since the run began.</param>
/// <param name="TokensPerSecond">Since the run was started or resumed.</param>
/// <param name="ValidationLoss">Nats, in steps with an evaluation; else null.</param>
/// <param name="Samples">What the model wrote, in steps with an evaluation; else null.</param>
public sealed record TrainingRow(int Step, double Loss, float LearningRate, double GradientNorm, long Tokens,
    double TokensPerSecond, double? ValidationLoss,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<SampleText>? Samples = null)
{
    static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
    };

    /// <summary>The rows of a file, as far as they are whole; none if it is missing.</summary>
    public static IEnumerable<TrainingRow> Read(string path)
    {
        if (!File.Exists(path))
            yield break;
        // A running job has the file open for writing.
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var lines = new StreamReader(stream);
        while (lines.ReadLine() is { } line)
        {
            if (Parse(line) is not { } row)
                yield break;
            yield return row;
        }
    }

    static TrainingRow? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<TrainingRow>(line, s_format);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
