using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapeCurvatureJob"/>.</summary>
public sealed record LandscapeCurvatureOptions
{
    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>Texts whose loss is curved.</summary>
    public required TextOrBatchRequest Text { get; init; }

    /// <summary>How many of the largest eigenvalues are given.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Products with the Hessian for each random vector.</summary>
    public int Steps { get; init; } = 30;

    /// <summary>Random vectors: samples of the trace and of the density.</summary>
    public int Probes { get; init; } = 4;

    /// <summary>Folder for rows, tables, picture and page; the same call goes on where it stopped. Null for
    /// none.</summary>
    public string? Out { get; init; }
}

/// <summary>The curvature of a loss at a model.</summary>
/// <param name="Loss">Mean next-token cross-entropy, nats.</param>
/// <param name="Tokens">Tokens that are predicted.</param>
/// <param name="Parameters">Numbers of the model.</param>
/// <param name="Step">Distance at which gradients are differenced, in the norm of all weights.</param>
/// <param name="Eigenvalues">The largest, from the largest.</param>
/// <param name="Smallest">The smallest Ritz value: a bound of the smallest eigenvalue from above.</param>
/// <param name="Trace">Estimate of the sum of all eigenvalues.</param>
/// <param name="TraceStandardError">Its standard error; null for one random vector.</param>
/// <param name="Asymmetry">The largest <c>|u^T H v - v^T H u|</c> seen: 0 but for errors.</param>
/// <param name="Density">The spectral density.</param>
/// <param name="Probes">Random vectors.</param>
/// <param name="Steps">Products with the Hessian for each.</param>
public sealed record LandscapeCurvatureResult(double Loss, long Tokens, long Parameters, double Step,
    IReadOnlyList<CurvatureEigenvalue> Eigenvalues, double Smallest, double Trace, double? TraceStandardError,
    double Asymmetry, IReadOnlyList<CurvatureDensity> Density, int Probes, int Steps);

/// <summary>An eigenvalue of the Hessian.</summary>
/// <param name="Value">Estimate.</param>
/// <param name="Error">An eigenvalue lies no farther away than this: residual and error of the
/// differences.</param>
/// <param name="Residual">What the iteration has not yet found.</param>
/// <param name="DifferenceError">Estimate of the error of central differences, from two steps.</param>
public sealed record CurvatureEigenvalue(double Value, double Error, double Residual, double DifferenceError);

/// <summary>A point of the spectral density.</summary>
/// <param name="Eigenvalue">The place.</param>
/// <param name="Density">Share of all eigenvalues per unit.</param>
public sealed record CurvatureDensity(double Eigenvalue, double Density);

/// <summary>Measures eigenvalues, trace and spectral density of the Hessian of a model's loss.</summary>
public static class LandscapeCurvatureJob
{
    const string Rows = "probes.jsonl";
    const int DensityPoints = 401;

    // A row of the file: what one random vector gave.
    sealed record Row(int Probe, double Trace, double Asymmetry, IReadOnlyList<double> RitzValues,
        IReadOnlyList<double> Weights, IReadOnlyList<CurvatureEigenvalue> Eigenvalues);

    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">An option does not fit, the loss is not finite, or the folder belongs
    /// to another call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; whole probes are kept.</exception>
    public static LandscapeCurvatureResult Run(LandscapeCurvatureOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        Check(options, new ParameterLayout(config).TotalLength);
        IReadOnlyList<int[]> texts = options.Text.Read(options.Model, context);
        if (options.Out is { } place)
            RunFolder.RequirePlace(place, RunFolder.ManifestFile, "a landscape");
        using ComputeDevice device = context.OpenDevice();
        using var space = new WeightSpace(device, options.Model);
        using var field = new ModelGradientField(space, texts);
        float[] zero = new float[field.Length], gradient = new float[field.Length];
        field.Gradient(zero, 0, gradient);
        double loss = field.Loss;
        Manifest call = Call(options, context, texts, device);
        using RunFolder? run = options.Out is null ? null
            : RunFolder.Open(options.Out, call, RunFolder.ManifestFile, [Rows]);
        run?.Start(call);
        context.Report("choosing the step", 0);
        HessianProducts products =
            HessianProducts.WithBestStep(field, CurvatureMeasure.Signs(field.Length, context.Seed, -1));
        List<Row> rows = Probe(options, context, products, run);
        LandscapeCurvatureResult result = Result(options, loss, field, products, rows);
        if (run is not null)
        {
            Write(run, result);
            run.Finish();
        }
        return result;
    }

    const int MostSteps = 10_000;

    static void Check(LandscapeCurvatureOptions options, long parameters)
    {
        foreach ((string name, int value) in ((string, int)[])[(nameof(options.Top), options.Top),
            (nameof(options.Steps), options.Steps), (nameof(options.Probes), options.Probes)])
            if (value < 1)
                throw new UserException($"{Field.Of(name)} is {value}; expected at least 1");
        if (options.Steps > MostSteps)
            throw new UserException($"{Field.Of(nameof(options.Steps))} is {options.Steps}; expected at most "
                + $"{MostSteps}");
        if (options.Top > parameters)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top}; the model has "
                + $"{Counted.Of(parameters, "parameter")}, and so many eigenvalues");
        if (options.Top > options.Steps)
            throw new UserException($"{Field.Of(nameof(options.Top))} is {options.Top} and "
                + $"{Field.Of(nameof(options.Steps))} {options.Steps}; expected at least as many steps as "
                + "eigenvalues");
        long bytes = 4 * parameters * Math.Min(options.Steps, parameters);
        long room = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (bytes > room)
            throw new UserException($"{options.Steps} vectors of {Counted.Of(parameters, "number")} take "
                + $"{bytes >> 20} MiB of memory, and there are {room >> 20}; use fewer "
                + Field.Of(nameof(options.Steps)));
    }

    static List<Row> Probe(
        LandscapeCurvatureOptions options, JobContext context, HessianProducts products, RunFolder? run)
    {
        var measure = new CurvatureMeasure(products, options.Steps, options.Top, context.Seed);
        using JsonlWriter? writer = run?.Rows(Rows);
        List<Row> rows = run is null ? [] : MeasureFiles.ReadRows<Row>(run.At(Rows));
        int steps = Math.Min(options.Steps, products.Length);
        for (int p = rows.Count; p < options.Probes; p++)
        {
            HessianProbe probe = measure.Probe(p, done => context.Report("products with the Hessian",
                (p + (double)done / steps) / options.Probes, $"vector {p + 1} of {options.Probes}"));
            var row = new Row(probe.Probe, probe.Trace, probe.Asymmetry, probe.RitzValues, probe.Weights,
                [.. probe.Largest.Select(e =>
                    new CurvatureEigenvalue(e.Value, e.Error, e.Residual, e.DifferenceError))]);
            writer?.Write(row);
            rows.Add(row);
        }
        return rows;
    }

    static LandscapeCurvatureResult Result(LandscapeCurvatureOptions options, double loss,
        ModelGradientField field, HessianProducts products, List<Row> rows)
    {
        TraceEstimate trace = TraceEstimate.Of([.. rows.Select(r => r.Trace)]);
        return new LandscapeCurvatureResult(loss, field.Tokens, field.Length, products.Step,
            rows[0].Eigenvalues, rows.Min(r => r.RitzValues[^1]), trace.Mean, trace.StandardError,
            rows.Max(r => r.Asymmetry),
            [.. SpectralDensity.Of([.. rows.Select(r => (r.RitzValues, r.Weights))], DensityPoints)
                .Select(d => new CurvatureDensity(d.Eigenvalue, d.Density))],
            rows.Count, options.Steps);
    }

    static void Write(RunFolder run, LandscapeCurvatureResult result)
    {
        MeasureFiles.WriteCsv(run.At("eigenvalues.csv"), "eigenvalue,error,residual,difference_error",
            result.Eigenvalues.Select(e =>
                (IReadOnlyList<object?>)[e.Value, e.Error, e.Residual, e.DifferenceError]));
        MeasureFiles.WriteCsv(run.At("density.csv"), "eigenvalue,density",
            result.Density.Select(d => (IReadOnlyList<object?>)[d.Eigenvalue, d.Density]));
        MeasureFiles.WriteNpy(run.At("eigenvalues.npy"), [result.Eigenvalues.Count, 4],
            result.Eigenvalues.SelectMany(e =>
                (double[])[e.Value, e.Error, e.Residual, e.DifferenceError]));
        MeasureFiles.WriteNpy(run.At("density.npy"), [result.Density.Count, 2],
            result.Density.SelectMany(d => (double[])[d.Eigenvalue, d.Density]));
        AtomicFile.WriteText(run.At("density.svg"), CurvatureReport.Density(result) + "\n");
        CurvatureReport.Page(result).Save(run.At(MeasureFiles.Page));
    }

    static Manifest Call(LandscapeCurvatureOptions options, JobContext context, IReadOnlyList<int[]> texts,
        ComputeDevice device) => new()
    {
        Command = "landscape curvature", Seed = context.Seed, ModelHash = ModelFolder.Hash(options.Model),
        DataHash = TextOrBatchRequest.HashOf(texts), Device = device.Name,
        Precision = device.Precision.ManifestName(),
        Options = new JsonObject
        {
            ["model"] = options.Model, ["top"] = options.Top, ["steps"] = options.Steps,
            ["probes"] = options.Probes,
        },
    };
}
