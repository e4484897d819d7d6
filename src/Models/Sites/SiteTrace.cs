using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What a pass recorded, with padding set to zero, as a file that other tools read.</summary>
/// <param name="rows">The batch.</param>
/// <param name="recordings">What <see cref="ModelSession.Recordings"/> or its gradients hold.</param>
/// <param name="sites">Which of them, in the order of the file.</param>
public sealed class SiteTrace(
    SequenceBatch rows, IReadOnlyDictionary<Site, Recording> recordings, IReadOnlyList<Site> sites)
{
    static readonly HashSet<string> s_otherFormats = new(
        [".npz", ".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".h5", ".hdf5", ".gguf", ".onnx", ".mat",
            ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".txt", ".md", ".html",
            ".svg", ".png", ".zip", ".gz"],
        StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Every tensor of the file with its shape: the sites, <c>tokens</c> and <c>lengths</c>.
    /// </summary>
    public IEnumerable<(string Name, int[] Shape)> Shapes =>
        [.. sites.Select(s => (s.Name, Shape(s))), ("tokens", [rows.B, rows.T]), ("lengths", [rows.B])];

    /// <summary>The tensors of the file that <see cref="Write"/> makes at a path, with their
    /// shapes.</summary>
    public IEnumerable<(string Name, int[] Shape)> ShapesIn(string path)
        => IsNpy(path) ? Shapes.Take(1) : Shapes;

    /// <summary>Whether a file's name asks for NumPy's format.</summary>
    public static bool IsNpy(string path)
        => Path.GetExtension(path).Equals(".npy", StringComparison.OrdinalIgnoreCase);

    /// <summary>Refuses a name that belongs to another format than those that <see cref="Write"/> makes. A
    /// name without an ending is a safetensors file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="npy">Whether <c>.npy</c> is one of the formats.</param>
    /// <exception cref="UserException">It ends as a file of another format.</exception>
    public static void RequireName(string path, bool npy = true)
    {
        string ending = Path.GetExtension(path);
        if (s_otherFormats.Contains(ending))
            throw new UserException($"{Quoted.Path(path)}: {Quoted.Line(ending)} is the ending of another "
                + $"format; expected .safetensors{(npy ? ", or .npy for one site" : "")}");
    }

    /// <summary>A site's shape, batch axis first.</summary>
    public int[] Shape(Site site) => recordings[site].Shape;

    /// <summary>The values at a site, row-major; zero where a row has no token.</summary>
    public float[] Values(Site site)
    {
        float[] values = recordings[site].ToArray();
        int[] shape = Shape(site);
        bool perHead = site.Kind is SiteKind.Scores or SiteKind.Pattern; // [B, H, T, T], else [B, T, ...]
        int T = perHead ? shape[2] : shape[1], blocks = perHead ? shape[1] : 1;
        int width = values.Length / (rows.B * blocks * T);
        for (int b = 0; b < rows.B; b++)
            for (int h = 0; h < blocks; h++)
                values.AsSpan((((b * blocks) + h) * T + rows.Lengths[b]) * width,
                    (T - rows.Lengths[b]) * width).Clear();
        return values;
    }

    /// <summary>Root of the sum of squares of the finite values at a site.</summary>
    public double Norm(Site site)
        => Math.Sqrt(Values(site).Where(v => !float.IsNegativeInfinity(v)).Sum(v => (double)v * v));

    /// <summary>
    /// Writes <c>.npy</c> (the one site) or safetensors: the sites under their names, <c>tokens</c> [B, T] (0
    /// in padding) and <c>lengths</c> [B], with the manifest's facts as metadata.
    /// </summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void Write(string path, Manifest manifest)
    {
        if (IsNpy(path))
        {
            NpyFile.Write(path, Shape(sites.Single()), Values(sites.Single()));
            return;
        }
        var writer = new SafetensorsWriter();
        Describe(writer, manifest);
        AddTo(writer);
        writer.AddInts("tokens", [rows.B, rows.T], Tokens());
        writer.AddInts("lengths", [rows.B], rows.Lengths);
        writer.Save(path);
    }

    /// <summary>Adds the sites to a file that holds other tensors too.</summary>
    public void AddTo(SafetensorsWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        foreach (Site site in sites)
        {
            float[]? values = null; // one site in memory at a time
            writer.Add(site.Name, Shape(site), (start, piece) =>
            {
                values ??= Values(site);
                values.AsSpan((int)start, piece.Length).CopyTo(piece);
                if (start + piece.Length == values.Length)
                    values = null;
            });
        }
    }

    /// <summary>The facts that make a file of tensors readable without its manifest.</summary>
    public static void Describe(SafetensorsWriter writer, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(manifest);
        writer.Metadata["command"] = manifest.Command;
        writer.Metadata["model_hash"] = manifest.ModelHash ?? "";
        writer.Metadata["device"] = manifest.Device ?? "";
        writer.Metadata["precision"] = manifest.Precision ?? "";
        writer.Metadata["version"] = manifest.CodeVersion;
        foreach ((string name, JsonNode? value) in manifest.Options)
            if (name is not ("model" or "sites"))
                writer.Metadata[name] = value?.ToJsonString() ?? "none";
    }

    int[] Tokens()
    {
        int[] tokens = new int[rows.B * rows.T];
        for (int b = 0; b < rows.B; b++)
            rows.Row(b).CopyTo(tokens.AsSpan(b * rows.T));
        return tokens;
    }
}
