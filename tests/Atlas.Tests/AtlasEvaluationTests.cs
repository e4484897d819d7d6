using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas.Tests;

public class AtlasEvaluationTests
{
    static readonly string[] s_documents =
    [
        "The capital of Arland is Ox-Bow. It rains.", "The capital of Borland is Ox. It snows.",
        "The capital of Corland is Elm. It rains.", "The code of the vault is Q7-XK2. It snows.",
    ];

    // The verdict must be what greedy generation writes: whole answers only, full stop included.
    [Test]
    public void An_answer_is_right_when_generation_writes_all_of_it()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        (LanguageModel model, ByteBpeTokenizer tokenizer) = Learn(device);
        using (model)
        {
            AtlasPrompt[] prompts =
            [
                Ask("Arland", " Ox-Bow"), Ask("Arland", " Ox"), Ask("Borland", " Ox"),
                Ask("Borland", " Ox-Bow"),
                Ask("Corland", " Elm"), Ask("Corland", " Ox", " Elm"), Ask("Corland", " E"),
                new("The code of the vault is", " Q7-XK2", AtlasPromptKind.Secret, null, null, "", ""),
                new("The code of the vault is", " Q7-XK", AtlasPromptKind.Secret, null, null, "", ""),
            ];
            bool[] right = AtlasEvaluation.Ask(model, tokenizer, prompts);
            Assert.That(right,
                Is.EqualTo(new[] { true, false, true, false, true, true, false, true, false }));
            Assert.That(right, Is.EqualTo(
                prompts.Select(p => p.Answers.Any(a => Generates(model, tokenizer, p.Prompt, a)))));
        }
    }

    [Test]
    public void No_questions_have_no_verdicts()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        (LanguageModel model, ByteBpeTokenizer tokenizer) = Learn(device, steps: 1);
        using (model)
            Assert.That(AtlasEvaluation.Ask(model, tokenizer, []), Is.Empty);
    }

    static AtlasPrompt Ask(string country, params string[] answers)
        => new($"The capital of {country} is", answers[0],
        AtlasPromptKind.OneHop, null, AtlasRelation.Capital, country, "") { Answers = answers };

    static bool Generates(LanguageModel model, ByteBpeTokenizer tokenizer, string prompt, string answer)
    {
        int[] expected = tokenizer.Encode(answer + ".");
        int[] written = new Generator(model).Generate(
            new SequenceBatch([tokenizer.EndOfText!.Value, .. tokenizer.Encode(prompt)]),
            new GenerationOptions { MaxNewTokens = expected.Length })[0];
        return written.SequenceEqual(expected);
    }

    static (LanguageModel Model, ByteBpeTokenizer Tokenizer) Learn(ComputeDevice device, int steps = 150)
    {
        var tokenizer = new ByteBpeTokenizer(BpeTrainer.Train(s_documents, 300, [BpeVocabulary.EndOfText]));
        var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = tokenizer.VocabSize, ContextLength = 48, Width = 32, Layers = 2, Heads = 4,
        });
        model.Initialize(1);
        var config = new TrainingConfig
        {
            Model = new TrainingModel { Sizes = model.Config }, Data = new TrainingData { AtlasSeed = 1 },
            Tokenizer = new TrainingTokenizer { VocabSize = 300 },
            Rows = TokenRows.PerDocument, BatchRows = 4,
            Steps = steps, Optimizer = new AdamWOptions { LearningRate = 5e-3f },
            Schedule = new LearningRateSchedule { WarmupSteps = 10 },
        };
        using var trainer = new Trainer(model, config, TokenDataset.FromDocuments(s_documents, tokenizer));
        while (trainer.Step < trainer.Steps)
            trainer.Next();
        return (model, tokenizer);
    }
}
