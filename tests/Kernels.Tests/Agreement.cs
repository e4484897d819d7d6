namespace HeadTap.Kernels.Tests;

/// <summary>Says whether a kernel is as close to the truth as float32 allows.</summary>
static class Agreement
{
    /// <summary>
    /// Passes when the kernel's worst error is at most twice that of a plain float32 loop over the
    /// same formula. No tolerance to tune: the yardstick grows with the shape by itself.
    /// </summary>
    internal static void AtMostTwiceFloat32(string name, double[] exact, float[] plain, float[] kernel)
    {
        Assert.That(kernel, Has.Length.EqualTo(exact.Length), name);
        double scale = 1e-30, plainError = 0, kernelError = 0;
        int worst = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            scale = Math.Max(scale, Math.Abs(exact[i]));
            plainError = Math.Max(plainError, Math.Abs(plain[i] - exact[i]));
            double error = Math.Abs(kernel[i] - exact[i]);
            if (error > kernelError || double.IsNaN(error))
                (kernelError, worst) = (error, i);
            if (double.IsNaN(error))
                break;
        }
        double ulp = scale * 1.2e-7; // of the largest value: what storing it as float32 may cost
        double bound = 2 * plainError + ulp;
        Assert.That(kernelError <= bound, Is.True, // this way round, NaN fails
            $"{name}[{worst}]: kernel {(exact.Length > 0 ? kernel[worst] : 0):R}, "
            + $"exact {(exact.Length > 0 ? exact[worst] : 0):R}, error {kernelError:E2}, allowed {bound:E2}");
    }

    /// <summary>
    /// The same rule for a whole pass: every part's error is divided by the part's largest value, and the
    /// worst of all parts is at most twice the worst of plain float32 loops. Part by part the rule would be a
    /// matter of luck: a part of one number may come out exact in the plain loops.
    /// </summary>
    internal static void PassAtMostTwiceFloat32(
        IEnumerable<(string Name, double[] Exact, float[] Plain, float[] Kernel)> parts)
    {
        double plainWorst = 0, kernelWorst = 0;
        string worst = "";
        foreach ((string name, double[] exact, float[] plain, float[] kernel) in parts)
        {
            Assert.That(kernel, Has.Length.EqualTo(exact.Length), name);
            double scale = Math.Max(1e-30, exact.Length == 0 ? 0 : exact.Max(Math.Abs));
            for (int i = 0; i < exact.Length; i++)
            {
                plainWorst = Math.Max(plainWorst, Math.Abs(plain[i] - exact[i]) / scale);
                double error = Math.Abs(kernel[i] - exact[i]) / scale;
                if (error > kernelWorst || double.IsNaN(error))
                    (kernelWorst, worst) = (error, $"{name}[{i}]: kernel {kernel[i]:R}, exact {exact[i]:R}");
                if (double.IsNaN(error))
                    break;
            }
            if (double.IsNaN(kernelWorst))
                break;
        }
        double bound = 2 * plainWorst + 1.2e-7;
        Assert.That(kernelWorst <= bound, Is.True, // this way round, NaN fails
            $"{worst}, relative error {kernelWorst:E2}, allowed {bound:E2}");
    }

    /// <summary>
    /// Proves an oracle's gradient: central differences of <paramref name="loss"/> in float64.
    /// </summary>
    /// <param name="loss">A scalar of the current contents of <paramref name="values"/>.</param>
    /// <param name="values">What the loss reads; each element is moved by 1e-5 and put back.</param>
    /// <param name="gradient">d loss / d values, of the same length.</param>
    internal static void Differences(string name, Func<double> loss, double[] values, double[] gradient)
    {
        Assert.That(gradient, Has.Length.EqualTo(values.Length), name);
        for (int i = 0; i < values.Length; i++)
        {
            const double h = 1e-5;
            double at = values[i];
            values[i] = at + h;
            double up = loss();
            values[i] = at - h;
            double down = loss();
            values[i] = at;
            double slope = (up - down) / (2 * h);
            // 1e-8 is what two rounded losses divided by 2h leave, and h^2 of curvature.
            Assert.That(Math.Abs(slope - gradient[i]) <= 1e-8 * Math.Max(1, Math.Abs(slope)), Is.True,
                $"{name}[{i}]: differences {slope:R}, oracle {gradient[i]:R}");
        }
    }
}
