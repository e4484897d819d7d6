using HeadTap.Reference;

namespace HeadTap.Models.Tests;

/// <summary>The oracle itself: its gradients are proven by differences of its own loss in float64.</summary>
sealed class Gpt2ReferenceTests
{
    // No size divides or equals another by accident; token 3 comes twice, so its gradients must add up.
    static readonly Gpt2Sizes Small =
        new(Vocabulary: 11, Context: 6, Width: 8, Layers: 2, Heads: 2, Inner: 13);
    static readonly int[] Tokens = [3, 7, 0, 3, 10];
    static readonly int[] Targets = [7, -1, 3, 10, 1];

    static readonly Gpt2Sizes[] Variants =
    [
        Small,
        Small with { Activation = "gelu", TiedHead = false },
        Small with { Activation = "relu", HeadBias = true, Epsilon = 0.1 },
        Small with { Activation = "relu", TiedHead = false, ScaleAttention = false },
        Small with { Activation = "gelu" },
        Small with { TiedHead = false, HeadBias = true, ScaleAttention = false },
        Small with { LearnedPositions = false, RotaryNumbers = 2, ParallelResidual = true, TiedHead = false },
        Small with { LearnedPositions = false, RotaryNumbers = 4, RotaryBase = 30 },
    ];

    [TestCaseSource(nameof(Variants))]
    public void Every_parameter_gradient_agrees_with_differences(Gpt2Sizes sizes)
    {
        Dictionary<string, double[]> parameters = Parameters(sizes);
        ParameterGradients<double> gradients = Gpt2Reference.Backward(sizes, parameters, Tokens, Targets);
        Assert.That(gradients.Parameters.Keys, Is.EqualTo(sizes.Parameters().Select(p => p.Name)));
        foreach ((string name, double[] values) in parameters)
            Differences(name, () => Loss(sizes, parameters), values, gradients.Parameters[name]);
    }

    [TestCaseSource(nameof(Variants))]
    public void Every_site_gradient_agrees_with_differences(Gpt2Sizes sizes)
    {
        Dictionary<string, double[]> parameters = Parameters(sizes);
        ParameterGradients<double> gradients = Gpt2Reference.Backward(sizes, parameters, Tokens, Targets);
        (string Name, int[] Shape)[] sites = [.. sizes.Sites(Tokens.Length)];
        Assert.That(gradients.Sites.Keys, Is.EquivalentTo(sites.Select(s => s.Name)));
        foreach ((string site, int[] shape) in sites)
        {
            double[] nudge = new double[shape.Aggregate(1, (a, b) => a * b)];
            double[] Nudge(string name, double[] value) => name == site ? Plus(value, nudge) : value;
            Differences(site, () => Loss(sizes, parameters, Nudge), nudge, gradients.Sites[site]);
        }
    }

    [Test]
    public void A_run_with_edits_has_the_gradient_of_the_edited_run()
    {
        // Scale, replace and add, at places where what was computed and what flows on are both needed.
        static double[] Edit(string name, double[] value) => name switch
        {
            "blocks.0.ln1.hook_scale" or "blocks.1.ln2.hook_scale" => Times(value, 1.5),
            "blocks.0.attn.hook_pattern" or "blocks.1.attn.hook_attn_scores" => Times(value, 0.5),
            "blocks.1.attn.hook_result" => [.. value.Select((v, i) => i % 16 < 8 ? 0 : v)],
            "blocks.0.mlp.hook_pre" or "blocks.1.hook_resid_post" => [.. value.Select(v => v + 0.3)],
            _ => value,
        };
        static double[] EditBackward(string name, double[] gradient) => name switch
        {
            "blocks.0.ln1.hook_scale" or "blocks.1.ln2.hook_scale" => Times(gradient, 1.5),
            "blocks.0.attn.hook_pattern" or "blocks.1.attn.hook_attn_scores" => Times(gradient, 0.5),
            "blocks.1.attn.hook_result" => [.. gradient.Select((v, i) => i % 16 < 8 ? 0 : v)],
            _ => gradient,
        };
        Dictionary<string, double[]> parameters = Parameters(Small);
        ParameterGradients<double> gradients =
            Gpt2Reference.Backward(Small, parameters, Tokens, Targets, Edit, EditBackward);
        Assert.That(Math.Abs(gradients.Loss - Loss(Small, parameters)) > 0.01, "the edits do something");
        foreach ((string name, double[] values) in parameters)
            Differences(name, () => Loss(Small, parameters, Edit), values, gradients.Parameters[name]);
    }

    [Test]
    public void Every_site_has_its_shape_and_takes_effect_where_it_stands()
    {
        Dictionary<string, double[]> parameters = Parameters(Small);
        Dictionary<string, double[]> plain = Gpt2Reference.Forward(Small, parameters, Tokens);
        (string Name, int[] Shape)[] sites = [.. Small.Sites(Tokens.Length)];
        Assert.That(plain.Keys, Is.EqualTo(sites.Select(s => s.Name)), "in order of execution");
        for (int i = 0; i < sites.Length; i++)
        {
            (string site, int[] shape) = sites[i];
            Assert.That(plain[site], Has.Length.EqualTo(shape.Aggregate(1, (a, b) => a * b)));
            double[] Edit(string name, double[] value) =>
                name == site ? [.. value.Select((v, k) => v * (1 + k % 3))] : value;
            Dictionary<string, double[]> edited = Gpt2Reference.Forward(Small, parameters, Tokens, Edit);
            foreach ((string before, _) in sites[..i])
                Assert.That(edited[before], Is.EqualTo(plain[before]), $"{site} changes {before}");
            Assert.That(edited["logits"], Is.Not.EqualTo(plain["logits"]), site);
        }
    }

    [Test]
    public void A_row_alone_is_the_start_of_a_longer_row()
    {
        Dictionary<string, double[]> parameters = Parameters(Small);
        double[] whole = Gpt2Reference.Forward(Small, parameters, Tokens)["logits"];
        double[] start = Gpt2Reference.Forward(Small, parameters, Tokens[..3])["logits"];
        Assert.That(start, Is.EqualTo(whole[..start.Length]));
    }

    [Test]
    public void Losses_and_gradients_of_a_batch_are_sums_over_rows()
    {
        Dictionary<string, double[]> parameters = Parameters(Small);
        ParameterGradients<double> own = Gpt2Reference.Backward(Small, parameters, Tokens, Targets);
        ParameterGradients<double> half = Gpt2Reference.Backward(Small, parameters, Tokens, Targets,
            counted: 8);
        Assert.That(half.Loss, Is.EqualTo(own.Loss / 2).Within(1e-15));
        Assert.That(half.Parameters["wpe.weight"],
            Is.EqualTo(Times(own.Parameters["wpe.weight"], 0.5)).Within(1e-15));
    }

    [Test]
    public void Gradients_from_given_logit_gradients_are_those_of_the_loss()
    {
        Dictionary<string, double[]> parameters = Parameters(Small);
        ParameterGradients<double> loss = Gpt2Reference.Backward(Small, parameters, Tokens, Targets);
        ParameterGradients<double> given =
            Gpt2Reference.BackwardFrom(Small, parameters, Tokens, loss.Sites["logits"]);
        Assert.That(given.Parameters["wpe.weight"], Is.EqualTo(loss.Parameters["wpe.weight"]));
    }

    // Phi(x) to 17 digits: the published tables' 0, 1, 2 and 3, and the far tails.
    [TestCase(0, 0.5)]
    [TestCase(1, 0.84134474606854293)]
    [TestCase(-1, 0.15865525393145707)]
    [TestCase(2, 0.97724986805182079)]
    [TestCase(-3, 1.3498980316300945e-3)]
    [TestCase(-5, 2.8665157187919391e-7)]
    [TestCase(-10, 7.6198530241605261e-24)]
    [TestCase(40, 1)]
    public void The_normal_distribution_is_exact_to_float64(double x, double expected) =>
        Assert.That(Math.Abs(Gpt2Activation.NormalCdf(x) - expected) <= 1e-14 * expected, Is.True,
            $"{Gpt2Activation.NormalCdf(x):R}");

    [Test]
    public void Random_parameters_do_not_change()
    {
        // Whole-number arithmetic and exact float64 sums: the same on every machine.
        float[] wte = Gpt2Reference.RandomParameters(Small, 1, 10)["wte.weight"];
        Assert.That(wte[..3], Is.EqualTo(new[] { 0.284869611f, -0.123780854f, -0.118153349f }));
    }

    static Dictionary<string, double[]> Parameters(Gpt2Sizes sizes) =>
        Gpt2Reference.Convert<double>(Gpt2Reference.RandomParameters(sizes, seed: 5, scale: 20));

    static double Loss(Gpt2Sizes sizes, Dictionary<string, double[]> parameters,
        Func<string, double[], double[]>? hook = null) =>
        Gpt2Reference.CrossEntropy(
            Gpt2Reference.Forward(sizes, parameters, Tokens, hook)["logits"], Targets).Loss;

    static double[] Plus(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    static double[] Times(double[] a, double factor) => Array.ConvertAll(a, x => x * factor);

    /// <summary>Moves every element by h and 2h both ways: the five-point formula.</summary>
    static void Differences(string name, Func<double> loss, double[] values, double[] gradient)
    {
        const double h = 1e-4;
        Assert.That(gradient, Has.Length.EqualTo(values.Length), name);
        for (int i = 0; i < values.Length; i++)
        {
            double at = values[i];
            double LossAt(double step)
            {
                values[i] = at + step;
                double result = loss();
                values[i] = at;
                return result;
            }
            double slope = (8 * (LossAt(h) - LossAt(-h)) - (LossAt(2 * h) - LossAt(-2 * h))) / (12 * h);
            // Losses near 3, rounded to 4e-16, leave 1e-11 over h; h^4 = 1e-16 times a fifth derivative less.
            Assert.That(Math.Abs(slope - gradient[i]) <= 1e-9, Is.True,
                $"{name}[{i}]: differences {slope:R}, oracle {gradient[i]:R}");
        }
    }
}
