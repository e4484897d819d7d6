namespace HeadTap.Models.Tests;

public sealed class TextEvaluatorTests
{
    [Test]
    public void A_second_call_sees_the_weights_as_they_are_then_and_the_bits_are_those_of_one_evaluation()
    {
        using var test = new TestModel("cpu512");
        int[][] documents = [test.Tokens(1, 13), test.Tokens(3, 8), test.Tokens(4, 2)];
        using var evaluator = new TextEvaluator(test.Model, documents, 5, 2);
        TextScore first = evaluator.Score();
        Assert.That(first, Is.EqualTo(TextEvaluation.Run(test.Model, documents, 5, 2)));
        test.Model.Ops.Scale(test.Model.Set.Blocks[0], 0.5f);
        TextScore second = evaluator.Score();
        Assert.That(second.Loss, Is.Not.EqualTo(first.Loss));
        Assert.That(second, Is.EqualTo(TextEvaluation.Run(test.Model, documents, 5, 2)));
    }

    [Test]
    public void The_gradient_counts_each_token_once_over_windows_that_overlap()
    {
        using var test = new TestModel("cpu512");
        int[][] documents = [test.Tokens(1, 13), test.Tokens(3, 8)];
        using var gradient = new TextGradient(test.Model, documents, 5, 2);
        using var found = ParameterGradients.Create(test.Model);
        Assert.That(gradient.Run(found),
            Is.EqualTo(TextEvaluation.Run(test.Model, documents, 5, 2).Loss).Within(1e-6));
        Assert.That(gradient.Tokens, Is.EqualTo(12 + 7));
    }
}
