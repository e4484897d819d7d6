using System.Text;
using System.Text.Json;
using HeadTap.Kernels.Tests;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

public class EditSpecTests
{
    const string Everything = """
        {"edits":[
          {"site":"blocks.1.hook_attn_out","op":"add","alpha":4.25,"rows":[0,2],"steps":[0,3],
            "value":{"unembed":[12,7]}},
          {"site":"blocks.*.attn.hook_z","op":"zero","head":2,"positions":"last"},
          {"site":"blocks.0.hook_resid_post","op":"replace","positions":[0,3],"value":{"embed":[4]}},
          {"site":"blocks.0.attn.hook_q","op":"project_out","alpha":0.1,"head":0,"value":[1,-2.5,3E-05,4,5]},
          {"site":"h.1.mlp.act","op":"scale","alpha":-0.3333333,"positions":{"from":2}},
          {"site":"blocks.1.hook_mlp_out","op":"scale","alpha":1},
          {"site":"blocks.1.hook_resid_mid","op":"swap","alpha":0.5,"to":{"unembed":[4]},
            "value":{"unembed":[3,2]}},
          {"site":"blocks.0.attn.hook_pattern","op":"mean"},
          {"site":"blocks.1.hook_resid_pre","op":"patch","value":{"file":"clean.safetensors","tensor":"x"}}
        ]}
        """;

    [Test]
    public void What_is_read_and_written_again_is_the_same()
    {
        using var folder = new TemporaryFolder();
        string first = folder.Write("first.json", Everything), second = folder["second.json"];
        IReadOnlyList<Edit> edits = EditSpec.Read(first);
        Assert.That(((FileValue)edits[^1].Value!).Path,
            Is.EqualTo(folder["clean.safetensors"]), "beside the spec");
        EditSpec.Write(second, edits);
        using JsonDocument expected = JsonDocument.Parse(Everything);
        using JsonDocument written = JsonDocument.Parse(File.ReadAllText(second));
        Assert.That(JsonElement.DeepEquals(written.RootElement, expected.RootElement), Is.True,
            File.ReadAllText(second));
        Assert.That(EditSpec.ToJson(EditSpec.Read(second)).ToJsonString(),
            Is.EqualTo(EditSpec.ToJson(edits).ToJsonString()));
    }

    [Test]
    public void A_direction_of_a_lens_is_found_beside_the_spec()
    {
        const string Spec = """
            {"edits":[{"site":"blocks.1.hook_resid_mid","op":"project_out",
            "value":{"jacobian":{"lens":"lens","tokens":[3,2]}}}]}
            """;
        using var folder = new TemporaryFolder();
        IReadOnlyList<Edit> edits = EditSpec.Read(folder.Write("spec.json", Spec));
        var value = (JacobianValue)edits[0].Value!;
        Assert.That(value.Lens, Is.EqualTo(folder["lens"]));
        Assert.That(value.Tokens, Is.EqualTo((int[])[3, 2]));
        EditSpec.Write(folder["again.json"], edits);
        using JsonDocument expected = JsonDocument.Parse(Spec);
        using JsonDocument written = JsonDocument.Parse(File.ReadAllText(folder["again.json"]));
        Assert.That(JsonElement.DeepEquals(written.RootElement, expected.RootElement), Is.True);
        foreach (string wrong in (string[])["{\"lens\":\"lens\"}", "{\"tokens\":[1]}", "3",
            "{\"lens\":\"lens\",\"tokens\":[1],\"layer\":2}"])
            BadInput.Refused(() => EditSpec.Read(folder.Write("wrong.json",
                Spec.Replace("{\"lens\":\"lens\",\"tokens\":[3,2]}", wrong, StringComparison.Ordinal))),
                "edit 0");
        BadInput.Refused(() => edits[0].Validate(TestModel.Small), "no lens.safetensors");
    }

    [Test]
    public void A_file_named_from_the_current_folder_is_found_from_the_specs()
    {
        using var folder = new TemporaryFolder();
        Edit edit = new()
        {
            Site = "hook_embed", Operation = EditOperation.Patch,
            Value = EditValue.File("some.safetensors", "x"),
        };
        EditSpec.Write(folder["spec.json"], [edit]);
        var value = (FileValue)EditSpec.Read(folder["spec.json"])[0].Value!;
        Assert.That(Path.GetFullPath(value.Path), Is.EqualTo(Path.GetFullPath("some.safetensors")));
    }

    [Test]
    public void A_spec_does_what_its_edits_do()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("x", [1, 6, 20], Numbers.Normal(5, 120));
        writer.Save(folder["clean.safetensors"]);
        IReadOnlyList<Edit> edits = EditSpec.Read(folder.Write("spec.json", Everything));
        Assert.That(Run(test, edits), Is.Not.EqualTo(Run(test, [])));
        Edit[] inCode =
        [
            .. edits.SkipLast(1),
            edits[^1] with { Value = EditValue.Recorded(Numbers.Normal(5, 120), 1, 6, 20) },
        ];
        Assert.That(Run(test, edits), Is.EqualTo(Run(test, inCode)));
    }

    // The text of one edit, and words that the refusal must hold.
    [TestCase("""{"site":"hook_embed","op":"zero","hed":1}""", "unknown field \"hed\"")]
    [TestCase("""{"site":"hook_embed","op":"remove"}""", "op is \"remove\"", "project_out")]
    [TestCase("""{"site":"hook_embed"}""", "op is \"\"")]
    [TestCase("""{"op":"zero"}""", "site is missing")]
    [TestCase("""{"site":7,"op":"zero"}""", "site")]
    [TestCase("""{"site":"blocks.9.hook_z","op":"zero"}""", "matches nothing")]
    [TestCase("""{"site":"blocks.*.ln1.hook_scale","op":"zero"}""", "cannot be edited", "but not edited")]
    [TestCase("""{"site":"hook_embed","op":"zero","head":1}""", "has no heads")]
    [TestCase("""{"site":"blocks.0.attn.hook_z","op":"zero","head":4}""", "head 4", "0 to 3")]
    [TestCase("""{"site":"blocks.0.attn.hook_z","op":"zero","head":-1}""", "head -1")]
    [TestCase("""{"site":"blocks.0.attn.hook_z","op":"zero","head":1.5}""", "head", "whole number")]
    [TestCase("""{"site":"hook_embed","op":"add"}""", "needs a value")]
    [TestCase("""{"site":"hook_embed","op":"zero","value":[1]}""", "takes no value")]
    [TestCase("""{"site":"hook_embed","op":"zero","alpha":2}""", "zero takes no alpha")]
    [TestCase("""{"site":"hook_embed","op":"add","value":[1,2,3]}""", "3 numbers", "20")]
    [TestCase("""{"site":"hook_embed","op":"add","value":[]}""", "0 numbers")]
    [TestCase("""{"site":"hook_embed","op":"add","value":[1,"2"]}""", "value 1")]
    [TestCase("""{"site":"hook_embed","op":"add","value":[1e400]}""", "value 0",
        "expected a number that float32 holds")]
    [TestCase("""{"site":"hook_embed","op":"add","value":1e39}""",
        "value is \"1e39\"; expected a number that float32 holds")]
    [TestCase("""{"site":"hook_embed","op":"add","value":"NaN"}""",
        "value is the text \"NaN\"; expected a number, a list of numbers")]
    [TestCase("""{"site":"hook_embed","op":"add","value":true}""", "expected a number, a list of numbers")]
    [TestCase("""{"site":"hook_embed","op":"add","value":null}""",
        "value is \"null\"; expected a number, a list of numbers")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"unembed":[]}}""", "at least one token")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"unembed":[37]}}""", "token 37", "37")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"unembed":[1],"embed":[1]}}""", "value")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"unembed":5}}""", "unembed")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"file":"none.safetensors","tensor":"x"}}""",
        "no such file")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"file":"a\u0000b","tensor":"x"}}""", "character")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"file":"t.safetensors","tensor":"y"}}""",
        "no tensor \"y\"")]
    [TestCase("""{"site":"hook_embed","op":"add","value":{"file":"t.safetensors"}}""", "file and tensor")]
    [TestCase("""{"site":"hook_embed","op":"patch","value":{"file":"t.safetensors","tensor":"x"}}""",
        "[1, 2, 20]")]
    [TestCase("""{"site":"hook_embed","op":"patch","value":{"file":"t.safetensors","tensor":"w"}}""",
        "shape [1, 6, 19]")]
    [TestCase("""{"site":"hook_embed","op":"patch","value":{"file":"t.safetensors","tensor":"n"}}""",
        "not finite")]
    [TestCase("""{"site":"hook_embed","op":"patch","value":[1]}""", "shape [1]")]
    [TestCase("""{"site":"hook_embed","op":"project_out","value":{"file":"t.safetensors","tensor":"z"}}""",
        "not be zero")]
    [TestCase("""{"site":"hook_embed","op":"scale"}""", "scale needs alpha")]
    [TestCase("""{"site":"hook_embed","op":"scale","alpha":null}""", "scale needs alpha")]
    [TestCase("""{"site":"hook_embed","op":"scale","alpha":"NaN"}""", "alpha")]
    [TestCase("""{"site":"hook_embed","op":"scale","alpha":NaN}""", "not valid JSON")]
    [TestCase("""{"site":"hook_embed","op":"scale","alpha":1e39}""", "a number that float32 holds, at most")]
    [TestCase("""{"site":"hook_embed","op":"zero","positions":{"to":1}}""", "unknown field \"to\"")]
    [TestCase("""{"site":"hook_embed","op":"zero","positions":{}}""", "from")]
    [TestCase("""{"site":"hook_embed","op":"zero","positions":"first"}""", "first", "last")]
    [TestCase("""{"site":"hook_embed","op":"zero","rows":[-2]}""", "rows", "-2")]
    [TestCase("""{"site":"hook_embed","op":"zero","rows":1}""", "rows")]
    [TestCase("""{"site":"hook_embed","op":"zero","steps":[0.5]}""", "steps")]
    [TestCase("""{"site":"blocks.0.attn.hook_attn_scores","op":"scale","alpha":-1}""", "minus infinity")]
    [TestCase("7", "expected an object")]
    public void A_wrong_field_is_refused_in_one_line(string edit, params string[] words)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        float[] broken = new float[120];
        broken[7] = float.NaN;
        writer.Add("x", [1, 2, 20], new float[40]);
        writer.Add("w", [1, 6, 19], new float[114]);
        writer.Add("n", [1, 6, 20], broken);
        writer.Add("z", [20], new float[20]);
        writer.Save(folder["t.safetensors"]);
        string path = folder.Write("spec.json", $$"""{"edits":[{{edit}}]}""");
        BadInput.Refused(() => Run(test, EditSpec.Read(path)), words[^1]);
        Assert.That(test.Model.Edits, Is.Empty);
    }

    [TestCase("[]", "not an object"), TestCase("{}", "\"edits\" is missing"),
        TestCase("""{"edits":{}}""", "edits"),
     TestCase("""{"edits":[],"version":1}""", "unknown field"),
         TestCase("""{"edits":[],"edits":[]}""", "JSON"),
     TestCase("", "JSON")]
    public void A_wrong_file_is_refused_in_one_line(string text, string words)
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => EditSpec.Read(folder.Write("spec.json", text)), words);
    }

    [Test]
    public void What_JSON_cannot_say_is_not_written()
    {
        using var folder = new TemporaryFolder();
        var add = new Edit
        {
            Site = "hook_embed", Operation = EditOperation.Add, Value = EditValue.Numbers(1, float.NaN),
        };
        BadInput.Refused(() => EditSpec.Write(folder["a.json"], [add]), "finite");
        BadInput.Refused(() => EditSpec.Write(folder["a.json"],
            [new Edit { Site = "hook_embed", Operation = EditOperation.Scale, Alpha = float.NaN }]),
                "finite");
        BadInput.Refused(() => EditSpec.Write(folder["a.json"], [Edit.Call("hook_embed", _ => { })]),
            "C# function");
        BadInput.Refused(() => EditSpec.Write(folder["a.json"],
            [add with { Value = EditValue.Recorded([float.NaN], 1, 1, 1) }]), "finite");
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void A_mutated_spec_works_or_is_refused_in_one_line()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("x", [1, 6, 20], Numbers.Normal(5, 120));
        writer.Save(folder["clean.safetensors"]);
        string[] pieces =
        [
            "-1", "0", "1e9", "1e400", "2147483648", "null", "true", "\"", "\\u0000", "\\ud800",
            "{", "}", "[", "]", ",",
            "\"x\":", "*", "?", "unembed", "patch", "last", "../", "hook_attn_scores",
            "\n", new string('[', 40),
        ];
        int refused = 0, worked = 0;
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (ulong round = 0; round < 2000 && clock.Elapsed.TotalSeconds < 3; round++)
        {
            var random = new SeededRandom(77, round);
            var text = new StringBuilder(Everything);
            for (int n = 1 + random.Next(3); n > 0; n--)
            {
                int at = random.Next(text.Length), length = Math.Min(1 + random.Next(10), text.Length - at);
                if (random.Next(2) == 0)
                    text.Remove(at, length);
                if (random.Next(3) > 0)
                    text.Insert(at, pieces[random.Next(pieces.Length)]);
            }
            string path = folder.Write("spec.json", text.ToString());
            try
            {
                Run(test, EditSpec.Read(path));
                worked++;
            }
            catch (UserException e)
            {
                Assert.That(e.Message, Does.Not.Contain('\n').And.Length.InRange(10, 1000), text.ToString());
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"round {round}: {e}\n{text}");
            }
        }
        Assert.That(refused, Is.GreaterThan(20));
        Assert.That(worked, Is.GreaterThan(2));
    }

    static float[] Run(TestModel test, IReadOnlyList<Edit> edits)
    {
        using var session = new ModelSession(test.Model, new SessionOptions
        {
            MaxRows = 3, MaxTokens = 6, Logits = LogitsAt.Last,
        });
        using (test.Model.Attach(edits))
            session.Forward(new SequenceBatch(test.Tokens(1, 6), test.Tokens(2, 6), test.Tokens(3, 6)));
        return session.Logits.ToArray();
    }
}
