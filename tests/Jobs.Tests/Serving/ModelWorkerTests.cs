using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs.Tests;

/// <summary>The thread of a model: many texts at once, each as it is alone.</summary>
public sealed class ModelWorkerTests
{
    const int V = 61, Context = 80;

    string _folder = "";
    ResidentModel _model = null!;

    [OneTimeSetUp]
    public void Make()
    {
        _folder = Directory.CreateTempSubdirectory("worker").FullName;
        using (ComputeDevice device = ComputeDevice.OpenHost())
        using (var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = V, ContextLength = Context, Width = 24, Layers = 2, Heads = 3, Inner = 40,
        }))
        {
            model.Initialize(3, 0.3f);
            model.Save(_folder);
        }
        _model = ResidentModel.Open(new JobContext { DeviceName = "cpu" }, _folder, "small");
    }

    [OneTimeTearDown]
    public void Remove()
    {
        _model.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Greedy_texts_are_those_of_the_generator()
    {
        int[][] prompts = [.. Enumerable.Range(1, 9).Select(i => Tokens((ulong)i, 3 + 7 * i))];
        int[][] expected = [.. prompts.Select(p =>
            new Generator(_model.Model).Generate(new SequenceBatch([p]),
            new GenerationOptions { MaxNewTokens = 7 })[0])];
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 4, PassTokens = 16 });
        SequenceResult[] results = await Task.WhenAll(prompts.Select(p => worker.Generate(new TextSequence
        {
            Prompt = p, MaxTokens = 7, Sampling = new SamplingOptions(Greedy: true),
        }, new WorkTicket("a"))));
        Assert.That(results.Select(r => r.Tokens), Is.EqualTo(expected));
        Assert.That(results.Select(r => r.Reason), Is.All.EqualTo(FinishReason.Length));
    }

    // Draws, log-probabilities, cold and warm, alone and beside others: not a bit differs.
    [Test]
    public async Task A_text_has_the_same_bits_alone_in_company_and_from_the_cache()
    {
        TextSequence[] texts = [.. Enumerable.Range(0, 12).Select(i => Text(i))];
        List<string>[] alone = [.. texts.Select(_ => new List<string>())];
        int threads = ComputeDevice.HostThreadCount;
        ComputeDevice.HostThreadCount = 1;
        foreach ((TextSequence text, List<string> log) in texts.Zip(alone))
            using (var worker = new ModelWorker(_model, new WorkerOptions { Rows = 1, PrefixBytes = 0 }))
                await worker.Generate(Logged(text, log), new WorkTicket("a"));
        ComputeDevice.HostThreadCount = Math.Max(2, threads);
        using var shared = new ModelWorker(_model, new WorkerOptions { Rows = 5, PassTokens = 24 });
        for (int round = 0; round < 2; round++)
        {
            List<string>[] together = [.. texts.Select(_ => new List<string>())];
            SequenceResult[] results = await Task.WhenAll(texts.Zip(together).Select(t =>
                shared.Generate(Logged(t.First, t.Second), new WorkTicket($"tenant {t.First.Seed % 3}"))));
            Assert.That(together, Is.EqualTo(alone), $"round {round}");
            if (round == 1)
                Assert.That(results.Count(r => r.CachedTokens > 0), Is.GreaterThan(3));
        }
        ComputeDevice.HostThreadCount = threads;
        Assert.That(alone.Select(a => string.Join(' ', a)).Distinct().Count(), Is.EqualTo(texts.Length));

        static TextSequence Text(int i) => new()
        {
            Prompt = [.. Tokens(40, 33), .. Tokens((ulong)i, 1 + i)], MaxTokens = 3 + i % 5, Top = i % 3,
            Sampling = new SamplingOptions(0.5f + 0.2f * i, i % 2 == 0 ? 0 : 20, i % 3 == 0 ? 0.9f : 1),
            Seed = (ulong)i, ScoresPrompt = i % 4 == 3, Salt = i % 6 == 5 ? "edited" : "plain",
            Rules = new LogitRules { FrequencyPenalty = 0.1f * i, RepetitionPenalty = 1 + 0.1f * i },
            Edits = i % 6 != 5 ? [] : [new Edit
            {
                Site = "blocks.1.attn.hook_z", Operation = EditOperation.Scale, Alpha = 3, Head = 1,
            }],
        };
    }

    [Test]
    public async Task Prompt_scores_are_the_losses_of_the_model()
    {
        int[] prompt = Tokens(9, 70);
        float[] losses;
        using (var session = new ModelSession(_model.Model, new SessionOptions { MaxTokens = 70 }))
            losses = session.TokenLosses(new SequenceBatch([prompt]),
                new SequenceBatch([prompt]).NextTokens());
        IReadOnlyList<ScoredToken> scores = [];
        using var worker = new ModelWorker(_model, new WorkerOptions { PassTokens = 20 });
        SequenceResult result = await worker.Generate(new TextSequence
        {
            Prompt = prompt, MaxTokens = 0, ScoresPrompt = true, Top = 2, OnPrompt = s => scores = [.. s],
        }, new WorkTicket("a"));
        Assert.That((result.Tokens.Count, result.Reason), Is.EqualTo((0, FinishReason.Length)));
        Assert.That(scores.Select(s => s.Id), Is.EqualTo(prompt));
        Assert.That(scores[0].LogProbability, Is.NaN);
        for (int t = 1; t < 70; t++)
        {
            Assert.That(Math.Abs(scores[t].LogProbability + losses[t - 1]) <= 1e-5, Is.True, $"{t}");
            Assert.That(scores[t].Top, Has.Count.EqualTo(2));
            Assert.That(scores[t].Top[0].LogProbability,
                Is.GreaterThanOrEqualTo(scores[t].Top[1].LogProbability));
        }
    }

    // Three tenants ask for as much as they like; the one with one request is not the last.
    [Test]
    public async Task Tenants_share_the_model_fairly()
    {
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 1, PrefixBytes = 0 });
        var begun = new List<string>(); // on the model's thread alone
        using var hold = new ManualResetEventSlim();
        List<Task> all = [Generate("greedy")];
        for (int i = 0; i < 6; i++)
            all.Add(Generate("greedy"));
        all.Add(Generate("modest"));
        hold.Set();
        await Task.WhenAll(all);
        Assert.That(begun.IndexOf("modest"), Is.EqualTo(1), string.Join(' ', begun));

        Task Generate(string tenant)
        {
            int tokens = 0;
            return worker.Generate(new TextSequence
            {
                Prompt = Tokens(1, 20), MaxTokens = 3, OnToken = _ =>
                {
                    hold.Wait();
                    if (tokens++ == 0)
                        begun.Add(tenant);
                    return false;
                },
            }, new WorkTicket(tenant));
        }
    }

    [Test]
    public async Task A_cancelled_text_ends_within_a_step_and_its_row_is_free_again()
    {
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 1 });
        using var gone = new CancellationTokenSource();
        int tokens = 0;
        Task<SequenceResult> text = worker.Generate(new TextSequence
        {
            Prompt = Tokens(1, 4), MaxTokens = 70, OnToken = _ =>
            {
                if (++tokens == 3)
                    gone.Cancel();
                return false;
            },
        }, new WorkTicket("a", Cancel: gone.Token));
        Assert.ThrowsAsync<TaskCanceledException>(() => text);
        SequenceResult next = await worker.Generate(new TextSequence
        {
            Prompt = Tokens(2, 4), MaxTokens = 2,
        }, new WorkTicket("a"));
        Assert.That((tokens, next.Tokens.Count), Is.EqualTo((3, 2)));
    }

    [Test]
    public async Task A_text_that_fails_spoils_no_other()
    {
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 3 });
        var overflow = new Edit
        {
            Site = "blocks.1.hook_resid_post", Operation = EditOperation.Scale, Alpha = 3e38f,
        };
        Task<SequenceResult> bad = worker.Generate(new TextSequence
        {
            Prompt = Tokens(1, 12), MaxTokens = 5, Edits = [overflow, overflow], Salt = "bad",
        }, new WorkTicket("a"));
        Task<SequenceResult> good = worker.Generate(new TextSequence
        {
            Prompt = Tokens(1, 12), MaxTokens = 5, Sampling = new SamplingOptions(Greedy: true),
        }, new WorkTicket("b"));
        Assert.ThrowsAsync<UserException>(() => bad);
        Assert.That((await good).Tokens, Is.EqualTo(new Generator(_model.Model).Generate(
            new SequenceBatch([Tokens(1, 12)]), new GenerationOptions { MaxNewTokens = 5 })[0]));
    }

    // A queue has room for requests; a request of many texts is one.
    [Test]
    public async Task A_request_of_many_texts_is_one_and_a_failure_ends_all_of_it()
    {
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 2, MostWaiting = 1 });
        TextSequence[] many = [.. Enumerable.Range(0, 150).Select(i => new TextSequence
        {
            Prompt = Tokens((ulong)i, 3), MaxTokens = 2, Seed = (ulong)i,
        })];
        SequenceResult[] results = await worker.GenerateAll(many, new WorkTicket("a"));
        Assert.That(results.Select(r => r.Tokens.Count), Is.All.EqualTo(2));
        var alone = new ModelWorker(_model, new WorkerOptions());
        using (alone)
            Assert.That((await alone.Generate(many[77], new WorkTicket("a"))).Tokens,
                Is.EqualTo(results[77].Tokens));
        many[3] = many[3] with { OnToken = _ => throw new InvalidOperationException("this one") };
        Assert.That(Assert.ThrowsAsync<InvalidOperationException>(
            () => worker.GenerateAll(many, new WorkTicket("a")))!.Message, Is.EqualTo("this one"));
        Assert.That((await worker.Generate(many[77], new WorkTicket("a"))).Tokens,
            Is.EqualTo(results[77].Tokens));
    }

    [Test]
    public void A_full_queue_and_wrong_texts_are_refused_at_once()
    {
        using var worker = new ModelWorker(_model, new WorkerOptions { Rows = 1, MostWaiting = 2 });
        using var hold = new ManualResetEventSlim();
        using var begun = new ManualResetEventSlim();
        var ticket = new WorkTicket("a");
        Task running = worker.Generate(new TextSequence
        {
            Prompt = [1], MaxTokens = 2, OnToken = _ =>
            {
                begun.Set();
                hold.Wait();
                return false;
            },
        }, ticket);
        begun.Wait();
        Task[] waiting = [.. Enumerable.Range(0, 2).Select(_ =>
            worker.Generate(new TextSequence { Prompt = [2], MaxTokens = 1 }, ticket))];
        Assert.ThrowsAsync<QueueFullException>(() => worker.Generate(
            new TextSequence { Prompt = [2], MaxTokens = 1 }, ticket));
        hold.Set();
        Task.WaitAll([running, .. waiting]);
        Assert.Multiple(() =>
        {
            Refused(new TextSequence { Prompt = [], MaxTokens = 1 }, "empty");
            Refused(new TextSequence { Prompt = [V], MaxTokens = 1 }, "vocabulary");
            Refused(new TextSequence { Prompt = [-1], MaxTokens = 1 }, "vocabulary");
            Refused(new TextSequence { Prompt = [1], MaxTokens = Context }, "context");
            Refused(new TextSequence
            {
                Prompt = [1, 2], MaxTokens = 1, Edits = [new Edit
                {
                    Site = "blocks.0.attn.hook_pattern", Operation = EditOperation.Zero,
                }],
            }, "patterns");
        });

        void Refused(TextSequence text, string word)
            => Assert.That(Assert.ThrowsAsync<UserException>(() => worker.Generate(text, ticket))!.Message,
                Does.Contain(word));
    }

    static TextSequence Logged(TextSequence text, List<string> log) => text with
    {
        OnPrompt = prompt => log.AddRange(prompt.Select(Bits)),
        OnToken = token =>
        {
            log.Add(Bits(token));
            return false;
        },
    };

    static string Bits(ScoredToken token) =>
        $"{token.Id} {BitConverter.DoubleToInt64Bits(token.LogProbability)} "
        + string.Join(',', token.Top.Select(t =>
            $"{t.Id}:{BitConverter.DoubleToInt64Bits(t.LogProbability)}"));

    static int[] Tokens(ulong seed, int count)
    {
        var random = new SeededRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(V))];
    }
}
