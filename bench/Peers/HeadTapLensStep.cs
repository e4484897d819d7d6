using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Peers;

/// <summary>A step of <see cref="LensTrainer"/>, the model's pass included.</summary>
sealed class HeadTapLensStep : ILensStep
{
    readonly ComputeDevice _device = ComputeDevice.Open("cpu");
    readonly LanguageModel _model;
    readonly LensSet _lens;
    readonly LensTrainer _trainer;
    readonly DocumentRows _rows;

    public HeadTapLensStep(LensSizes sizes)
    {
        _model = sizes.NewModel(_device);
        _lens = LensSet.Initial(_model,
            new LensOptions { Kind = sizes.Kind, Initial = LensInitial.Raw },
            [.. Enumerable.Range(0, sizes.Model.Layers)], sizes.Positions);
        _rows = new DocumentRows(DocumentSource.FromIds([sizes.Text()], "a random text"), sizes.Model,
            new RowOptions(sizes.Positions), seed: 1);
        _trainer = new LensTrainer(_lens, new LensTrainingOptions
        {
            Steps = int.MaxValue, // no step is the last
            BatchRows = 1,
            TokensPerRow = sizes.Positions,
            Positions = PositionChoice.All,
            Optimizer = new AdamWOptions
            {
                LearningRate = LensSizes.LearningRate, Beta2 = 0.999f, WeightDecay = 0,
            },
        }, _rows);
    }

    public string Name => "HeadTap";

    public double Loss() => _trainer.Evaluate(_rows, 1).Sum();

    public void Step() => _trainer.Next();

    public void Dispose()
    {
        _trainer.Dispose();
        _lens.Dispose();
        _model.Dispose();
        _device.Dispose();
    }
}
