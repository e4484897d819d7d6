using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Texts that come and go: on the host each has the bits that it has alone. Also where positions
/// turn
/// queries and keys.</summary>
[TestFixture(false), TestFixture(true)]
public sealed class ContinuousBatchTests(bool neox)
{
    const int V = 53, Context = 90;

    ComputeDevice _device = null!;
    LanguageModel _model = null!;

    [OneTimeSetUp]
    public void Make()
    {
        _device = ComputeDevice.OpenHost();
        _model = Random(_device, neox);
    }

    [OneTimeTearDown]
    public void Free()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [TestCase(70), TestCase(33), TestCase(32), TestCase(7), TestCase(1)]
    public void A_prompt_in_pieces_has_the_logits_of_a_whole_pass(int piece)
    {
        int[][] prompts = [Tokens(1, 70), Tokens(2, 41), Tokens(3, 1)];
        float[][] whole = [.. prompts.Select(WholePass)];
        using var batch = new ContinuousBatch(_model, 4, Context, 3 * 70, 3 * 70);
        float[][] found = [.. prompts.Select(p => new float[p.Length * V])];
        int[] rows = [2, 0, 3], done = [0, 0, 0];
        while (done.Zip(prompts).Any(d => d.First < d.Second.Length))
        {
            int[] chosen = [.. Enumerable.Range(0, 3).Where(b => done[b] < prompts[b].Length)];
            TextPiece[] pieces = [.. chosen.Select(b =>
            {
                int n = Math.Min(piece, prompts[b].Length - done[b]);
                return new TextPiece(rows[b], done[b], prompts[b].AsMemory(done[b], n), prompts[b].Length, 0,
                    n);
            })];
            float[] logits = batch.Run(pieces);
            int at = 0;
            foreach ((int b, TextPiece p) in chosen.Zip(pieces))
            {
                logits.AsSpan(at, p.Logits * V).CopyTo(found[b].AsSpan(done[b] * V));
                at += p.Logits * V;
                done[b] += p.Tokens.Length;
            }
        }
        for (int b = 0; b < 3; b++)
            Assert.That(Bits(found[b]), Is.EqualTo(Bits(whole[b])), $"prompt {b}");
    }

    // Continuing tokens and a prompt's piece in one pass, rows in any order, others that come later.
    [Test]
    public void Continuing_texts_have_the_logits_of_a_generation_alone()
    {
        int[][] prompts = [Tokens(1, 9), Tokens(2, 40)];
        (List<float[]> Steps, int[] Tokens)[] alone = [.. prompts.Select(Alone)];
        using var batch = new ContinuousBatch(_model, 3, Context, 64, 64);
        var found = new List<float[]>[] { [], [] };
        // The first begins alone; the second joins in pieces of 16 while the first goes on.
        found[0].Add(batch.Run([new TextPiece(2, 0, prompts[0], 9, 0, 1)]));
        int filled = 0, step0 = 1, step1 = 0;
        while (step0 < 6 || step1 < 6)
        {
            var pieces = new List<TextPiece>();
            if (filled < 40)
            {
                int n = Math.Min(16, 40 - filled);
                pieces.Add(new TextPiece(0, filled, prompts[1].AsMemory(filled, n), 40, 0, filled + n == 40
                    ? 1 : 0));
                filled += n;
            }
            else if (step1 < 6)
                pieces.Add(Next(0, 40, alone[1].Tokens, step1));
            if (step0 < 6)
                pieces.Add(Next(2, 9, alone[0].Tokens, step0));
            float[] logits = batch.Run(pieces);
            int at = 0;
            foreach (TextPiece p in pieces.Where(p => p.Logits > 0))
            {
                found[p.Row == 2 ? 0 : 1].Add(logits.AsSpan(at, V).ToArray());
                at += V;
                (step0, step1) = p.Row == 2 ? (step0 + 1, step1) : (step0, step1 + 1);
            }
        }
        for (int b = 0; b < 2; b++)
            for (int s = 0; s < 6; s++)
                Assert.That(Bits(found[b][s]), Is.EqualTo(Bits(alone[b].Steps[s])), $"text {b} step {s}");
    }

    [TestCase("blocks.1.attn.hook_z"), TestCase("blocks.1.hook_resid_*"), TestCase("blocks.1.mlp.hook_post"),
     TestCase("logits")]
    public void An_edit_of_one_text_is_that_edit_alone_and_changes_no_other(string site)
    {
        int[][] prompts = [Tokens(1, 12), Tokens(2, 12)];
        var edit = new Edit
        {
            Site = site, Operation = EditOperation.Scale, Alpha = 2.5f,
            Positions = EditPositions.From(-4),
        };
        float[] plain = WholePass(prompts[1]), edited;
        using (_model.Attach(edit))
            edited = WholePass(prompts[0]);
        using var batch = new ContinuousBatch(_model, 2, Context, 24, 24);
        var logits = new float[2][];
        using (_model.Attach(edit with { Rows = [1] }))
        {
            float[] first = batch.Run([new TextPiece(0, 0, prompts[1].AsMemory(0, 5), 12, 0, 5),
                new TextPiece(1, 0, prompts[0].AsMemory(0, 7), 12, 0, 7)]);
            float[] then = batch.Run([new TextPiece(1, 7, prompts[0].AsMemory(7), 12, 0, 5),
                new TextPiece(0, 5, prompts[1].AsMemory(5), 12, 0, 7)]);
            logits[0] = [.. first[..(5 * V)], .. then[(5 * V)..]];
            logits[1] = [.. first[(5 * V)..], .. then[..(5 * V)]];
        }
        Assert.That(Bits(logits[0]), Is.EqualTo(Bits(plain)));
        Assert.That(Bits(logits[1]), Is.EqualTo(Bits(edited)));
        Assert.That(Bits(edited), Is.Not.EqualTo(Bits(WholePass(prompts[0]))));
    }

    [Test]
    public void A_prompt_that_is_found_has_the_bits_of_one_computed_again()
    {
        int[] prompt = Tokens(7, 75), other = [.. prompt[..64], .. Tokens(8, 9)];
        float[] expected = WholePass(other)[^V..];
        using var batch = new ContinuousBatch(_model, 3, Context, 80, 1);
        var cache = new PrefixCache(1 << 20);
        Assert.That(cache.Load(batch, 0, "a", prompt), Is.Zero);
        batch.Run([new TextPiece(0, 0, prompt, 75, 0, 1)]);
        cache.Keep(batch, 0, "a", prompt);
        Assert.That(cache.Load(batch, 2, "b", other), Is.Zero, "another salt");
        int found = cache.Load(batch, 2, "a", other);
        Assert.That(found, Is.EqualTo(64));
        float[] logits = batch.Run([new TextPiece(2, found, other.AsMemory(found), other.Length, 0, 1)]);
        Assert.That(Bits(logits), Is.EqualTo(Bits(expected)));
        Assert.That(cache.Load(batch, 1, "a", prompt.AsSpan(0, 64)), Is.EqualTo(32), "the last token runs");
        int[] differs = [.. prompt];
        differs[3]++;
        Assert.That(cache.Load(batch, 1, "a", differs), Is.Zero);
    }

    [Test]
    public void The_cache_keeps_to_its_bytes_and_forgets_what_was_used_least()
    {
        using var batch = new ContinuousBatch(_model, 1, Context, 80, 1);
        const int BlockBytes = 2 * 3 * 30 * 32 * sizeof(float);
        var cache = new PrefixCache(2 * BlockBytes + 5);
        int[][] prompts = [Tokens(1, 33), Tokens(2, 33), Tokens(3, 33)];
        foreach (int[] prompt in prompts[..2])
            cache.Keep(batch, 0, "", prompt);
        cache.Load(batch, 0, "", prompts[0]);
        cache.Keep(batch, 0, "", prompts[2]);
        Assert.That(cache.Bytes, Is.EqualTo(2 * BlockBytes));
        Assert.That(prompts.Select(p => cache.Load(batch, 0, "", p)), Is.EqualTo((int[])[32, 0, 32]));
        Assert.That((cache.Queries, cache.Hits), Is.EqualTo((4 * 33L, 3 * 32L)));
    }

    [Test]
    public void Pieces_that_do_not_fit_are_refused()
    {
        using var batch = new ContinuousBatch(_model, 2, 20, 10, 4);
        int[] t = Tokens(1, 12);
        Assert.Multiple(() =>
        {
            Refused(new TextPiece(2, 0, t.AsMemory(0, 3), 3, 0, 1));
            Refused(new TextPiece(0, 18, t.AsMemory(0, 3), 21, 0, 1));
            Refused(new TextPiece(0, 0, t.AsMemory(0, 3), 2, 0, 1));
            Refused(new TextPiece(0, 0, t.AsMemory(0, 3), 3, 0, 4));
            Refused(new TextPiece(0, 0, t.AsMemory(0, 5), 5, 0, 5));
            Refused(new TextPiece(0, 0, t, 12, 0, 1));
            Refused(new TextPiece(0, 1, t.AsMemory(0, 2), 3, 1, 1));
            Refused(new TextPiece(0, 0, t.AsMemory(0, 3), 3, 0, 1), new TextPiece(0, 3, t.AsMemory(0, 1), 4,
                0, 1));
            Refused();
            BadInput.Refused(() => batch.Run([new TextPiece(0, 0, new[] { V }, 1, 0, 1)]), $"{V}",
                "vocabulary");
        });

        void Refused(params TextPiece[] pieces)
            => Assert.That(() => batch.Run(pieces), Throws.ArgumentException);
    }

    static LanguageModel Random(ComputeDevice device, bool neox)
    {
        var sizes = new ModelConfig
        {
            VocabSize = V, ContextLength = Context, Width = 30, Layers = 3, Heads = 3, Inner = 44,
        };
        var model = new LanguageModel(device, !neox ? sizes : sizes with
        {
            Architecture = GptNeoX.Architecture, TiedHead = false, RotaryNumbers = 6, ParallelResidual = true,
        });
        model.Initialize(5, 0.4f);
        return model;
    }

    static TextPiece Next(int row, int prompt, int[] tokens, int step)
        => new(row, prompt + step - 1, new[] { tokens[step - 1] }, prompt + step, step, 1);

    float[] WholePass(int[] prompt)
    {
        using var session = new ModelSession(_model, new SessionOptions
        {
            MaxTokens = prompt.Length, Logits = LogitsAt.All,
        });
        session.Forward(new SequenceBatch([prompt]));
        return session.Logits.ToArray();
    }

    (List<float[]> Steps, int[] Tokens) Alone(int[] prompt)
    {
        var steps = new List<float[]>();
        int[] tokens = new Generator(_model).Generate(new SequenceBatch([prompt]), new GenerationOptions
        {
            MaxNewTokens = 6, OnStep = s => steps.Add(s.Logits.ToArray()),
        })[0];
        return (steps, tokens);
    }

    static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    static int[] Tokens(ulong seed, int count)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(V))];
    }
}
