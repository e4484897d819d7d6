using System.Buffers.Binary;
using System.Text.Json;
using HeadTap.Kernels.Tests;

namespace HeadTap.Models.Tests;

/// <summary>Values of edits as base64 inside a spec.</summary>
public class InlineTensorTests
{
    static readonly Site Stream = new(SiteKind.ResidPost, 0);

    [Test]
    public void A_row_of_base64_has_the_bits_of_the_row_of_numbers()
    {
        using var run = new EditedRun("cpu512");
        float[] row = Numbers.Normal(9, 20);
        string numbers = JsonSerializer.Serialize(row);
        foreach (string shape in (string[])["[20]", "[1,20]"])
            Assert.That(run.Forward(Of("add", Base64(row, shape)))[Stream].ToArray(),
                Is.EqualTo(run.Forward(Of("add", numbers))[Stream].ToArray()), shape);
        Assert.That(run.Forward(Of("add", Base64([0.75f], "[]")))[Stream].ToArray(),
            Is.EqualTo(run.Forward(Of("add", "0.75"))[Stream].ToArray()));
        Assert.That(run.Forward(Of("add", Base64(row, "[20]")))[Stream].ToArray(),
            Is.Not.EqualTo(run.Forward()[Stream].ToArray()));
    }

    [Test]
    public void A_recording_of_base64_is_patched_and_written_again()
    {
        using var run = new EditedRun("cpu512");
        using var folder = new TemporaryFolder();
        Recording recorded = run.Forward()[Stream];
        float[] values = [.. recorded.ToArray().Select((v, i) => v + i % 7)];
        Edit patch = Of("patch", Base64(values, JsonSerializer.Serialize(recorded.Shape)));
        Assert.That(patch.Value, Is.TypeOf<RecordedValue>());
        float[] found = run.Forward(patch)[Stream].ToArray();
        Assert.That(found[..100], Is.EqualTo(values[..100]));
        Assert.That(found[200..280], Is.EqualTo(values[200..280]), "the rest of row 2 is padding");
        EditSpec.Write(folder["spec.json"], [patch]);
        var again = (RecordedValue)EditSpec.Read(folder["spec.json"])[0].Value!;
        Assert.That(again.Shape, Is.EqualTo(recorded.Shape));
        Assert.That(again.Values, Is.EqualTo(values));
    }

    [TestCase("""{"base64":"AACAPw=="}""", "shape is missing")]
    [TestCase("""{"shape":[1]}""", "unknown field \"shape\"")]
    [TestCase("""{"base64":7,"shape":[1]}""", "no text")]
    [TestCase("""{"base64":null,"shape":[1]}""", "no text")]
    [TestCase("""{"base64":"AACAPw==","shape":[2]}""", "base64 has 4 bytes; expected 8", "[2]")]
    [TestCase("""{"base64":"AACAPwA=","shape":[1]}""", "base64 has 5 bytes; expected 4")]
    [TestCase("""{"base64":"","shape":[1]}""", "base64 has 0 bytes; expected 4")]
    [TestCase("""{"base64":"AACAPw","shape":[1]}""", "cannot be read")]
    [TestCase("""{"base64":"AAC_Pw==","shape":[1]}""", "cannot be read")]
    [TestCase("""{"base64":"\ud800","shape":[1]}""", "cannot be read")]
    [TestCase("""{"base64":"AADAfw==","shape":[1]}""", "base64 holds NaN at [0]")]
    [TestCase("""{"base64":"AACAfw==","shape":[]}""", "base64 holds infinity")]
    [TestCase("""{"base64":"AACA/w==","shape":[1,1,1]}""", "base64 holds -infinity at [0, 0, 0]")]
    [TestCase("""{"base64":"AACAPw==","shape":[0]}""", "shape has \"0\"; expected whole numbers from 1")]
    [TestCase("""{"base64":"AACAPw==","shape":[-1,-1]}""", "shape has \"-1\"")]
    [TestCase("""{"base64":"AACAPw==","shape":7}""", "shape is")]
    [TestCase("""{"base64":"AACAPw==","shape":[2147483647,2147483647,2147483647]}""", "4 bytes; expected")]
    [TestCase("""{"base64":"AACAPw==","shape":[1],"row":0}""", "unknown field \"row\"")]
    [TestCase("""{"base64":"AACAPw==","shape":[1]}""", "1 number", "20")]
    [TestCase("""{"base64":"AACAPw==","shape":[1,1,1]}""", "shape [1, 1, 1]")]
    public void A_wrong_tensor_is_refused_in_one_line(string value, params string[] words)
    {
        using var test = new TestModel("cpu512");
        BadInput.Refused(() => test.Model.Attach(Of("add", value)), words);
        Assert.That(test.Model.Edits, Is.Empty);
    }

    static Edit Of(string op, string value)
    {
        using JsonDocument spec = JsonDocument.Parse(
            $$"""{"edits":[{"site":"blocks.0.hook_resid_post","op":"{{op}}","value":{{value}}}]}""");
        return EditSpec.Parse(spec.RootElement, "spec")[0];
    }

    static string Base64(float[] values, string shape)
    {
        byte[] bytes = new byte[4 * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * i), values[i]);
        return $$"""{"base64":"{{Convert.ToBase64String(bytes)}}","shape":{{shape}}}""";
    }
}
