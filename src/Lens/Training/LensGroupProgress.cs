namespace HeadTap.Lens;

/// <summary>Tracks the best validation KL of each layer and ends layers that no longer improve.</summary>
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

    /// <summary>[layers]: best validation KL, nats; infinite before the first evaluation.</summary>
    internal double[] BestKl { get; }

    /// <summary>[layers]: step of the best lens, which is the one that is kept.</summary>
    internal int[] BestStep { get; }

    /// <summary>[layers]: evaluations since the best one.</summary>
    internal int[] Since { get; }

    internal bool AllDone => _trainer.Layers.All(l => l.Done);

    internal double? Best(int index) => double.IsFinite(BestKl[index]) ? BestKl[index] : null;

    /// <summary>Records an evaluation.</summary>
    /// <returns>Layers whose lenses are better than at all earlier evaluations.</returns>
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

    /// <summary>Returns the layers without any evaluation; their last state is kept.</summary>
    internal IReadOnlySet<int> WithoutEvaluation(IReadOnlyList<int> layers)
    {
        for (int i = 0; i < layers.Count; i++)
            if (double.IsInfinity(BestKl[i]))
                BestStep[i] = _trainer.Step;
        return layers.Where((_, i) => double.IsInfinity(BestKl[i])).ToHashSet();
    }
}
