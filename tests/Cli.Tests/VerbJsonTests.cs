using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace HeadTap.Cli.Tests;

/// <summary>The JSON of each verb that runs one model: fields, in their order, are those of the job's
/// result.</summary>
public sealed class VerbJsonTests
{
    const string Fields = "name kind usable auto refusal description memory_bytes largest_buffer_bytes "
        + "group_size shared_bytes gpu details";

    [Test]
    public void Devices() => Same(Headtap.Done("devices", "--json").Json[0]!, Fields,
        ModelJobsJson.Default.FoundDevice);

    [Test]
    public void Tokenize() => Same(Headtap.Done("tokenize", "--model", TinyModel.Folder, "--text", "the city",
        "--bos", "--json").Json, "count ids pieces bos", ModelJobsJson.Default.TokenizeResult);

    [Test]
    public void Trace_of_steps() => Same(Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2",
        "--bos", "--json").Json[0]!, "step shape norm bos", ModelJobsJson.Default.TraceStep);

    [Test]
    public void Trace_into_a_file()
    {
        using var folder = new TemporaryFolder();
        JsonNode json = Headtap.Done("trace", "--model", TinyModel.Folder, "--ids", "1,2",
            "--sites", "*.hook_z", "--out", folder["z.safetensors"], "--bos", "--json").Json;
        Same(json, "out model_hash device tensors bos", ModelJobsJson.Default.TraceResult);
        Assert.That(Names(json["tensors"]!),
            Is.EqualTo("blocks.0.attn.hook_z blocks.1.attn.hook_z tokens lengths"));
    }

    [Test]
    public void Grad()
    {
        using var folder = new TemporaryFolder();
        Same(Headtap.Done("grad", "--model", TinyModel.Folder, "--ids", "1,2", "--out",
            folder["g.safetensors"], "--bos", "--json").Json, "loss tokens out bos",
            ModelJobsJson.Default.GradResult);
    }

    [Test]
    public void Generate() => Same(Headtap.Done("generate", "--model", TinyModel.Folder, "--text", "the city",
        "--max-new-tokens", "2", "--bos", "--json").Json[0]!, "prompt_ids new_ids text bos",
        ModelJobsJson.Default.GeneratedText);

    [Test]
    public void Eval()
    {
        using var folder = new TemporaryFolder();
        Same(Headtap.Done("eval", "--model", TinyModel.Folder, "--model", TinyModel.Folder,
            "--text-file", folder.Write("t.txt", "the city"), "--bos", "--json").Json,
            "loss perplexity window_perplexity accuracy tokens windows documents context stride "
            + "tokens_per_second bos models ensemble", ModelJobsJson.Default.EvalResult);
    }

    [Test]
    public void Verify()
    {
        JsonNode json = Headtap.Done(
            "verify", "--model", TinyModel.BareFolder, "--ids", "1,2", "--json").Json;
        Same(json, "passed device tokens model_hash sizes_of sites injections",
            ModelJobsJson.Default.VerifyResult);
        Same(json["sites"]![0]!, "site max_abs_error max_abs_value bound passed",
            ModelJobsJson.Default.VerifiedSite);
        Same(json["injections"]!, "checks skipped", ModelJobsJson.Default.VerifiedInjections);
    }

    [Test]
    public void Profile()
    {
        JsonNode json = Headtap.Done("profile", "--model", TinyModel.BareFolder, "--tokens", "2",
            "--repeats", "1", "--json").Json;
        Same(json, "batch_size tokens repeats devices", ModelJobsJson.Default.ProfileResult);
        Same(json["devices"]![0]!, "device description taps", ModelJobsJson.Default.DeviceTapCosts);
        Same(json["devices"]![0]!["taps"]![0]!, "recorded median_ms fastest_ms slowest_ms overhead "
            + "overhead_lower_quartile overhead_upper_quartile recorded_bytes memory_bytes",
            ModelJobsJson.Default.TapTimes);
    }

    internal static void Same(JsonNode json, string fields, JsonTypeInfo record)
    {
        Assert.That(Names(json), Is.EqualTo(fields));
        Assert.That(string.Join(' ', record.Properties.Where(p => p.Get is not null).Select(p => p.Name)),
            Is.EqualTo(fields), "the record has other fields");
    }

    static string Names(JsonNode json) => string.Join(' ', json.AsObject().Select(f => f.Key));
}
