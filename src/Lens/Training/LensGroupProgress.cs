namespace HeadTap.Lens;

/// <summary>Each layer's best validation KL, and whether it still gets better.</summary>
sealed class LensGroupProgress
{
    readonly LensTrainer _trainer;
    readonly LensTrainingOptions _options;

    internal LensGroupProgress(LensTrainer trainer, LensTrainingOptions options)
    {
        (_trainer, _options) = (trainer, options);
        int n = trainer.Layers.Count;
        (BestKl, BestStep, Since) = (new double[n], new int[n], new int[n]);
        Array.Fill(BestKl, double.PositiveInfinity);
    }

    /// <summary>Infinite before the first evaluation.</summary>
    internal double[] BestKl { get; }

    /// <summary>The step of the lens that is kept.</summary>
    internal int[] BestStep { get; }

    /// <summary>Evaluations since then.</summary>
    internal int[] Since { get; }

    internal bool AllDone => _trainer.Layers.All(l => l.Done);

    internal double? Best(int index) => double.IsFinite(BestKl[index]) ? BestKl[index] : null;

    /// <summary>Takes an evaluation.</summary>
    /// <returns>The layers whose lenses are better than any before.</returns>
    internal IReadOnlySet<int> Take(IReadOnlyList<double> kl, int step)
    {
        var better = new HashSet<int>();
        for (int i = 0; i < kl.Count; i++)
        {
            LayerTraining layer = _trainer.Layers[i];
            if (layer.Done)
                continue;
            if (kl[i] < BestKl[i] - (double.IsFinite(BestKl[i]) ? _options.MinimumGain : 0))
            {
                (BestKl[i], BestStep[i], Since[i]) = (kl[i], step, 0);
                better.Add(layer.Lens.Layer);
            }
            else if (++Since[i] >= _options.Patience && _options.Patience > 0)
                layer.Done = true;
        }
        return better;
    }

    /// <summary>Layers that nobody has evaluated: what is kept of them is their last state.</summary>
    internal IReadOnlySet<int> WithoutEvaluation(IReadOnlyList<int> layers)
    {
        for (int i = 0; i < layers.Count; i++)
            if (double.IsInfinity(BestKl[i]))
                BestStep[i] = _trainer.Step;
        return layers.Where((_, i) => double.IsInfinity(BestKl[i])).ToHashSet();
    }
}
