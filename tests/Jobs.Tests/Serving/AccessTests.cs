using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs.Tests;

/// <summary>Reads, edits and gradients as requests: each reply is that of the request alone.</summary>
public sealed class AccessTests
{
    const int V = 47, H = 3, D = 8, C = H * D;

    string _folder = "";
    ResidentModel _model = null!;
    ModelWorker _worker = null!;

    [OneTimeSetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("access").FullName;
        using (ComputeDevice device = ComputeDevice.OpenHost())
        using (var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = V, ContextLength = 40, Width = C, Layers = 2, Heads = H, Inner = 36,
        }))
        {
            model.Initialize(8, 0.3f);
            model.Save(Path.Combine(_folder, "model"));
        }
        _model = ResidentModel.Open(new JobContext { DeviceName = "cpu" }, Path.Combine(_folder, "model"),
            "m");
        _worker = Begin(_model);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        _worker.Dispose();
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Reads_are_what_a_session_records()
    {
        AccessAnswer answer = await Ask("""
            {"model":"m","inputs":[{"ids":[1,2,3,4,5]},{"ids":[7,8]}],
             "reads":[{"site":"blocks.*.attn.hook_z"},{"site":"blocks.1.attn.hook_pattern","heads":[2,0]},
                      {"site":"blocks.0.hook_resid_post","positions":[-1,0]},
                      {"site":"blocks.1.attn.hook_q","heads":[1],"reduce":"mean"},
                      {"site":"blocks.1.hook_mlp_out","reduce":"last"},
                      {"site":"blocks.1.attn.hook_result","reduce":"norm"}]}
            """);
        Site[] sites = [Site.Z(0), Site.Z(1), Site.Pattern(1), Site.Parse("blocks.0.hook_resid_post"),
            Site.Q(1), Site.Parse("blocks.1.hook_mlp_out"), Site.Result(1)];
        int[][] rows = [[1, 2, 3, 4, 5], [7, 8]];
        for (int b = 0; b < 2; b++)
        {
            int T = rows[b].Length;
            (Dictionary<Site, float[]> at, float[] logits) = Alone(rows[b], sites);
            AccessResult result = answer.Results[b];
            Same(result, "blocks.0.attn.hook_z", [T, H, D], at[Site.Z(0)]);
            Same(result, "blocks.1.attn.hook_z", [T, H, D], at[Site.Z(1)]);
            Same(result, "blocks.1.attn.hook_pattern", [2, T, T],
                [.. at[Site.Pattern(1)][(2 * T * T)..], .. at[Site.Pattern(1)][..(T * T)]]);
            Same(result, "blocks.0.hook_resid_post", [2, C],
                [.. at[sites[3]][((T - 1) * C)..], .. at[sites[3]][..C]]);
            Same(result, "blocks.1.attn.hook_q", [1, D], [.. Enumerable.Range(0, D).Select(d =>
                (float)(Enumerable.Range(0, T).Sum(t => (double)at[Site.Q(1)][(t * H + 1) * D + d]) / T))]);
            Same(result, "blocks.1.hook_mlp_out", [1, C], at[sites[5]][((T - 1) * C)..]);
            Same(result, "blocks.1.attn.hook_result", [T, H], [.. at[Site.Result(1)].Chunk(C)
                .Select(r => (float)Math.Sqrt(r.Sum(v => (double)v * v)))]);
            Assert.That(Bits(result.Logits!), Is.EqualTo(Bits(logits)));
        }
    }

    // Gradients and continuations run each input by itself; its values are still those of its own row.
    [Test]
    public async Task An_input_that_runs_by_itself_has_its_own_row_of_a_recording()
    {
        float[] rows = [.. Enumerable.Range(0, 2 * 3 * C).Select(i => MathF.Sin(i))];
        string Request(string inputs, float[] values, int count) => $$"""
            {"model":"m","inputs":[{{inputs}}],"encoding":"base64","logits":false,
             "edits":[{"site":"blocks.0.hook_resid_post","op":"replace","positions":[0,1,2],
                       "value":{"base64":"{{Convert.ToBase64String(MemoryMarshal.AsBytes(values.AsSpan()))}}",
                                "shape":[{{count}},3,{{C}}]} }],
             "grads":{"of":"logprob:9","at":["blocks.0.hook_resid_post"]},"generate":{"max_tokens":4} }
            """;
        AccessAnswer both = await Ask(Request("{\"ids\":[1,2,3]},{\"ids\":[1,2,3]}", rows, 2));
        for (int i = 0; i < 2; i++)
        {
            AccessAnswer alone = await Ask(
                Request("{\"ids\":[1,2,3]}", rows[(i * 3 * C)..((i + 1) * 3 * C)], 1));
            Assert.That(both.Results[i].GradientOf, Is.EqualTo(alone.Results[0].GradientOf));
            Assert.That(both.Results[i].Continuation!.Tokens,
                Is.EqualTo(alone.Results[0].Continuation!.Tokens));
        }
        Assert.That(both.Results[0].GradientOf, Is.Not.EqualTo(both.Results[1].GradientOf),
            "a positive control");
        Assert.That(() => Ask(Request("{\"ids\":[1,2,3]},{\"ids\":[1,2,3]},{\"ids\":[1,2,3]}", rows, 2)),
            Throws.InstanceOf<UserException>().With.Message.Contains("no row 2"));
    }

    // Several requests share a pass; each has its own edits, and what one edits no other sees.
    [Test]
    public async Task Requests_together_are_requests_alone()
    {
        string[] requests = [.. Enumerable.Range(0, 12).Select(i => $$"""
            {"model":"m","inputs":[{"ids":[{{i}},{{i + 1}},3]},{"ids":[{{i + 2}}]}],
             "reads":[{"site":"blocks.{{i % 2}}.hook_resid_mid"}],
             "edits":[{"site":"blocks.0.attn.hook_z","op":"scale","alpha":{{i}},"head":{{i % 3}},
                       "rows":[{{i % 2}}]}],
             "encoding":"{{(i % 2 == 0 ? "list" : "base64")}}"}
            """)];
        string[] alone = new string[12];
        for (int i = 0; i < 12; i++)
            alone[i] = Text(await Ask(requests[i]));
        AccessAnswer[] together = await Task.WhenAll(requests.Select(Ask));
        Assert.That(together.Select(Text), Is.EqualTo(alone));
        Assert.That(alone.Distinct().Count(), Is.EqualTo(12));
    }

    [Test]
    public async Task Gradients_are_those_of_the_verb_grad()
    {
        string trace = Path.Combine(_folder, "grad.safetensors");
        var options = new GradOptions
        {
            Prompt = new PromptRequest { Model = _model.Folder, Ids = "5,6,7,8" }, Out = trace,
            Sites = "blocks.0.hook_resid_pre,blocks.1.attn.hook_z",
        };
        foreach (string of in (string[])["loss", "logit-diff:3,4", "logprob:9"])
        {
            double value = of == "loss" ? GradJob.Run(options, Context).Loss
                : GradJob.OfMetric(options with { Of = of }, Context).Value;
            AccessAnswer answer = await Ask("""
                {"model":"m","inputs":[{"ids":[1,2]},{"ids":[5,6,7,8]}],"grads":{"of":"OF",
                 "at":["blocks.0.hook_resid_pre","blocks.1.attn.hook_z"],
                 "parameters":["wte.weight","ln_f.weight"]}}
                """.Replace("OF", of));
            Assert.That(answer.Results[1].GradientOf, Is.EqualTo(value));
            using SafetensorsReader reader = SafetensorsReader.Open(trace);
            foreach (string name in (string[])["blocks.0.hook_resid_pre", "blocks.1.attn.hook_z",
                "wte.weight", "ln_f.weight"])
            {
                float[] expected = new float[(int)reader.Find(name).Shape.Aggregate(1L, (a, b) => a * b)];
                reader.Read(name, expected);
                Assert.That(Bits(answer.Results[1].Gradients[name].Values), Is.EqualTo(Bits(expected)),
                    $"{of} {name}");
            }
        }
    }

    [Test]
    public async Task A_continuation_has_its_edits_and_its_own_stream()
    {
        AccessAnswer answer = await Ask("""
            {"model":"m","inputs":[{"ids":[5,6,7]},{"ids":[5,6,7]}],"logits":false,
             "edits":[{"site":"blocks.1.hook_resid_post","op":"scale","alpha":-1,"rows":[1]}],
             "generate":{"max_tokens":6}}
            """);
        int[] plain = new Generator(_model.Model).Generate(new SequenceBatch([[5, 6, 7]]),
            new GenerationOptions { MaxNewTokens = 6 })[0], edited;
        using (_model.Model.Attach(new Edit
        {
            Site = "blocks.1.hook_resid_post", Operation = EditOperation.Scale, Alpha = -1,
        }))
            edited = new Generator(_model.Model).Generate(new SequenceBatch([[5, 6, 7]]),
                new GenerationOptions { MaxNewTokens = 6 })[0];
        Assert.That(answer.Results[0].Continuation!.Tokens, Is.EqualTo(plain));
        Assert.That(answer.Results[1].Continuation!.Tokens, Is.EqualTo(edited));
        Assert.That(plain, Is.Not.EqualTo(edited));
    }

    [Test]
    public async Task A_reply_is_made_again_from_its_record_byte_for_byte()
    {
        AccessAnswer answer = await Ask("""
            {"model":"m","inputs":[{"ids":[1,2,3,4]}],"reads":[{"site":"blocks.1.attn.hook_z"}],
             "edits":[{"site":"blocks.0.hook_resid_mid","op":"add","alpha":2,"value":{"unembed":[4]}}],
             "grads":{"of":"logprob:3","at":["blocks.0.hook_resid_pre"]},
             "generate":{"max_tokens":4,"temperature":0.7,"seed":5}}
            """);
        string reply = Path.Combine(_folder, "reply.json"), again = Path.Combine(_folder, "again.json");
        File.WriteAllBytes(reply, answer.ToJson());
        var options = new ReplayOptions { File = reply, Model = _model.Folder, Out = again };
        ReplayResult result = ReplayJob.Run(options, Context);
        Assert.That(result, Is.EqualTo(new ReplayResult(answer.Call.Hash, true, null)));
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(reply)));
        JsonObject json = JsonNode.Parse(File.ReadAllText(reply))!.AsObject();
        File.WriteAllText(again, json["replay"]!.ToJsonString());
        Assert.That(ReplayJob.Run(options with { File = again, Out = null }, Context).SameBytes, Is.Null);
        json["replay"]!["request"]!["grads"]!["of"] = "logprob:4";
        File.WriteAllText(reply, json.ToJsonString());
        Assert.That(ReplayJob.Run(options, Context).SameBytes, Is.False);
        json["replay"]!["weights_sha256"] = new string('0', 64);
        File.WriteAllText(reply, json.ToJsonString());
        Assert.That(() => ReplayJob.Run(options, Context), Throws.InstanceOf<UserException>()
            .With.Message.Contain("same model"));
    }

    [Test]
    public async Task A_file_of_tensors_is_compared_tensor_by_tensor()
    {
        AccessAnswer answer = await Ask("""
            {"model":"m","inputs":[{"ids":[1,2,3]},{"ids":[4]}],"reads":[{"site":"blocks.1.attn.hook_z"}],
             "grads":{"of":"logprob:3","at":["blocks.0.hook_resid_pre"]}}
            """);
        string file = Path.Combine(_folder, "reply.safetensors"), again = Path.Combine(_folder, "again");
        answer.Save(file);
        var options = new ReplayOptions { File = file, Model = _model.Folder, Out = again };
        Assert.That(ReplayJob.Run(options, Context),
            Is.EqualTo(new ReplayResult(answer.Call.Hash, true, null)));
        Assert.That(File.ReadAllBytes(again), Is.EqualTo(File.ReadAllBytes(file)));
        options = options with { Out = null };
        byte[] whole = File.ReadAllBytes(file), bytes = [.. whole];
        bytes[^2] ^= 1; // in the last number of the last tensor
        File.WriteAllBytes(file, bytes);
        Assert.That(ReplayJob.Run(options, Context).Difference,
            Does.StartWith($"in 1.logits_last: number {V - 1} is ").And.EndsWith(" now"));
        Rewrite("1.blocks.1.attn.hook_z", null);
        Assert.That(ReplayJob.Run(options, Context).Difference,
            Is.EqualTo("in 1.blocks.1.attn.hook_z: it is not in the file"));
        Rewrite("1.blocks.1.attn.hook_z", [D, H, 1]);
        Assert.That(ReplayJob.Run(options, Context).Difference,
            Does.StartWith("in 1.blocks.1.attn.hook_z: F32"));
        Rewrite("more", [2]);
        Assert.That(ReplayJob.Run(options, Context).Difference,
            Is.EqualTo("in more: it is in the file alone"));
        new SafetensorsWriter().Save(file);
        Assert.That(() => ReplayJob.Run(options, Context),
            Throws.TypeOf<UserException>().With.Message.Contains("without a replay record"));
        File.WriteAllBytes(file, whole[..^5]);
        Assert.That(() => ReplayJob.Run(options, Context), Throws.TypeOf<UserException>());

        // The file with a tensor of another shape, without it for null, or with one more.
        void Rewrite(string name, int[]? shape)
        {
            var writer = new SafetensorsWriter();
            writer.Metadata["replay"] = answer.Replay().ToJsonString();
            for (int i = 0; i < 2; i++)
                foreach ((string part, AccessTensor tensor) in answer.Results[i].Tensors())
                    if ($"{i}.{part}" != name)
                        writer.Add($"{i}.{part}", tensor.Shape, tensor.Values);
            if (shape is not null)
                writer.Add(name, shape, new float[shape.Aggregate((a, b) => a * b)]);
            writer.Save(file);
        }
    }

    [Test]
    public async Task Replay_reads_through_the_lens_that_the_request_names()
    {
        string lens = Path.Combine(_folder, "lens"), file = Path.Combine(_folder, "lens.json");
        using (var made = Lens.LensSet.Initial(
            _model.Model, new Lens.LensOptions { Kind = Lens.LensKind.Thin }, [0, 1], 4))
            Lens.LensFolder.Save(lens, Lens.LensMetadata.Of(made, _model.Hash), made,
                new HashSet<int> { 0, 1 });
        using ResidentModel model = ResidentModel.Open(Context, _model.Folder, "m");
        model.AddLens("thin", lens);
        using ModelWorker worker = Begin(model);
        using JsonDocument json = JsonDocument.Parse(
            """{"model":"m","inputs":[{"ids":[1,2,3]}],"lens":{"name":"thin"}}""");
        var call = AccessCall.Of(AccessRequest.Parse(json.RootElement), model,
            file => throw new UserException(file));
        AccessAnswer answer = await AccessAnswer.Of(worker, call, new WorkTicket("a"));
        File.WriteAllBytes(file, answer.ToJson());
        var options = new ReplayOptions { File = file, Model = _model.Folder };
        foreach (string given in (string[])[lens, $"thin={lens}", $"m:thin={lens}"])
            Assert.That(ReplayJob.Run(options with { Lens = given }, Context).SameBytes, Is.True, given);
        Assert.That(() => ReplayJob.Run(options, Context), Throws.TypeOf<UserException>()
            .With.Message.Contains("reads through the lens \"thin\"; expected"));
        Assert.That(() => ReplayJob.Run(options with { Lens = $"other={lens}" }, Context),
            Throws.TypeOf<UserException>().With.Message.Contains("names the lens \"other\", and the request "
                + "reads \"m\" through \"thin\""));
    }

    [TestCase("dir", null, "dir"), TestCase("a/b=c", null, "a/b=c"), TestCase("n=a/b=c", "n", "a/b=c")]
    [TestCase("m:n=dir", "m:n", "dir")]
    public void A_lens_may_have_a_name(string text, string? names, string folder)
        => Assert.That(ReplayJob.SplitLens(text), Is.EqualTo((names, folder)));

    [TestCase("""{"inputs":[{"ids":[1]}]}""", "model")]
    [TestCase("""{"model":"m","inputs":[]}""", "inputs")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1],"text":"a"}]}""", "inputs[0]")]
    [TestCase("""{"model":"m","inputs":[{"ids":[-1]}]}""", "inputs[0]")]
    [TestCase("""{"model":"m","inputs":[{"ids":[47]}]}""", "inputs[0]")]
    [TestCase("""{"model":"m","inputs":[{"ids":[]}]}""", "inputs[0]")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"reed":[]}""", "reed")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"reads":[{"site":"blocks.9.attn.hook_z"}]}""",
        "reads[0].site")]
    [TestCase(
        """{"model":"m","inputs":[{"ids":[1]}],"reads":[{"site":"blocks.0.attn.hook_z","heads":[3]}]}""",
        "reads[0].heads")]
    [TestCase(
        """{"model":"m","inputs":[{"ids":[1]}],"reads":[{"site":"blocks.0.hook_mlp_out","heads":[0]}]}""",
        "reads[0].heads")]
    [TestCase(
        """{"model":"m","inputs":[{"ids":[1]}],"reads":[{"site":"blocks.0.hook_mlp_out","positions":[1]}]}""",
        "reads[0].positions")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"""
        + """ "reads":[{"site":"blocks.0.attn.hook_z","reduce":"topk:3"}]}""",
        "reads[0].reduce")]
    [TestCase(
        """{"model":"m","inputs":[{"ids":[1]}],"edits":[{"site":"blocks.7.hook_mlp_out","op":"zero"}]}""",
        "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"""
        + """ "edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","positions":[4]}]}""",
        "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"""
        + """ "edits":[{"site":"blocks.0.hook_mlp_out","op":"add","value":"""
        + """ {"file":"/etc/passwd","tensor":"x"}}]}""",
        "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"""
        + """ "edits":[{"site":"blocks.0.hook_mlp_out","op":"add","value":{"mean_of":"/etc/passwd"}}]}""",
        "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"grads":{"of":"loss","at":["blocks.0.attn.hook_z"]}}""",
        "grads.of")]
    [TestCase(
        """{"model":"m","inputs":[{"ids":[1]}],"grads":{"of":"rank:3","at":["blocks.0.attn.hook_z"]}}""",
        "grads.of")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"""
        + """ "grads":{"of":"logprob:3","at":["blocks.0.ln1.hook_scale"]}}""",
        "grads.at")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"grads":{"of":"logprob:3","parameters":["x"]}}""",
        "grads.parameters")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"lens":{"name":"learned"}}""", "lens.name")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"lens":{"layers":[2]}}""", "lens.layers")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"lens":{"heads":[3]}}""", "lens.heads")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"lens":{"positions":[-2]}}""", "lens.positions")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"lens":{"top":0}}""", "lens.top")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]},{"ids":[1,2]}],"generate":{"max_tokens":4},"""
        + """ "edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","steps":[4]}]}""", "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]},{"ids":[1,2]}],"generate":{"max_tokens":4},"""
        + """ "edits":[{"site":"blocks.0.hook_mlp_out","op":"zero","positions":[5]}]}""", "edits")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"generate":{"max_tokens":40}}""", "generate.max_tokens")]
    [TestCase("""{"model":"m","inputs":[{"ids":[1]}],"generate":{"max_tokens":4,"top_p":0}}""",
        "generate.top_p")]
    public void A_wrong_request_names_its_field(string json, string param)
        => Assert.That(Assert.ThrowsAsync<BadRequestException>(() => Ask(json))!.Param, Is.EqualTo(param));

    [Test]
    public void The_cost_is_known_before()
    {
        AccessCost cost = AccessCost.Of(Call("""
            {"model":"m","inputs":[{"ids":[1,2,3]},{"ids":[1,2]}],"reads":[{"site":"*.hook_z"},
             {"site":"blocks.0.attn.hook_pattern","heads":[1]},{"site":"*.hook_z","reduce":"norm"}],
             "grads":{"of":"loss","at":["blocks.0.hook_resid_pre"]},"generate":{"max_tokens":4}}
            """));
        Assert.That(cost.Tokens, Is.EqualTo(5));
        Assert.That(cost.TokenLayers, Is.EqualTo(2.0 * (5 + 15 + 5 + 8)));
        Assert.That(cost.NumberBytes, Is.EqualTo(4 * (2 * 5 * C + (9 + 4) + 2 * 5 * H + 2 * V + 5 * C)));
        Assert.That(cost.PeakBytes, Is.GreaterThan(0));
        Assert.That(() => cost.Require(cost.NumberBytes, cost.PeakBytes), Throws.Nothing);
        Assert.That(() => cost.Require(cost.NumberBytes, cost.PeakBytes - 1),
            Throws.InstanceOf<BadRequestException>());
        Assert.That(() => cost.Require(cost.NumberBytes - 1, cost.PeakBytes),
            Throws.InstanceOf<BadRequestException>());
    }

    [Test]
    public async Task A_lens_reads_what_the_verb_reads_with_the_edits_in_force()
    {
        AccessAnswer answer = await Ask("""
            {"model":"m","inputs":[{"ids":[5,6,7,8]},{"ids":[5,6,7,8]}],
             "edits":[{"site":"blocks.0.attn.hook_z","op":"zero","head":1,"rows":[1]}],
             "lens":{"layers":[1],"heads":[2,0],"positions":[-1,1],"top":3}}
            """);
        for (int i = 0; i < 2; i++)
        {
            using IDisposable? edit = i == 0 ? null : _model.Model.Attach(new Edit
            {
                Site = "blocks.0.attn.hook_z", Operation = EditOperation.Zero, Head = 1,
            });
            Lens.LensReadings expected = Lens.LensReadings.OfPrompt(_model.Model, _model.Lenses["logit"],
                new Lens.LensRequest([1], [2, 0], 3, WithBaseline: false), [5, 6, 7, 8], [3, 1]);
            LensAnswer found = answer.Results[i].Lens!;
            Assert.That(found.Positions, Is.EqualTo((int[])[3, 1]));
            Assert.That(found.Layers.Single().Heads.Select(h => h.Head), Is.EqualTo((int[])[2, 0]));
            for (int h = 0; h < 2; h++)
                for (int n = 0; n < 2; n++)
                    Assert.That(found.Layers[0].Heads[h].Words[n].Top,
                        Is.EqualTo(expected.Learned[0].Heads[h].Words[n].Top));
        }
        Assert.That(answer.Results[0].Lens!.Layers[0].Whole[0].Top,
            Is.Not.EqualTo(answer.Results[1].Lens!.Layers[0].Whole[0].Top));
        Assert.That(Text(answer), Does.Contain("\"lens\":{\"name\":\"logit\",\"positions\":[3,1]"));
    }

    static JobContext Context => new() { DeviceName = "cpu" };

    static ModelWorker Begin(ResidentModel model) => new(model, new WorkerOptions { Rows = 3 });

    AccessCall Call(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return AccessCall.Of(AccessRequest.Parse(document.RootElement), _model,
            file => throw new UserException($"no file {file}"));
    }

    async Task<AccessAnswer> Ask(string json)
        => await AccessAnswer.Of(_worker, Call(json), new WorkTicket("a"));

    static string Text(AccessAnswer answer) => System.Text.Encoding.UTF8.GetString(answer.ToJson());

    (Dictionary<Site, float[]> At, float[] Logits) Alone(int[] row, Site[] sites)
    {
        using var session = new ModelSession(_model.Model, new SessionOptions
        {
            MaxTokens = row.Length, Record = sites, Logits = LogitsAt.Last,
        });
        session.Forward(new SequenceBatch([row]));
        return (sites.ToDictionary(s => s, s => session.Recordings[s].ToArray()), session.Logits.ToArray());
    }

    static void Same(AccessResult result, string site, int[] shape, float[] expected)
    {
        var found = (AccessTensor)result.Reads[site];
        Assert.That(found.Shape, Is.EqualTo(shape), site);
        Assert.That(Bits(found.Values), Is.EqualTo(Bits(expected)), site);
    }

    static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];
}
