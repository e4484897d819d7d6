namespace HeadTap.Merge.Tests;

/// <summary>Sums by vectors against one number at a time.</summary>
public class WideSumsTests
{
    [TestCase(1), TestCase(7), TestCase(16), TestCase(101)]
    public void Every_number_has_the_bits_of_one_at_a_time(int n)
    {
        float[] a = Tensors.Normal(1, n), b = Tensors.Normal(2, n, 1e-6f), c = Tensors.Normal(3, n, 1e8f);
        double[] sums = new double[n];
        float[] found = new float[n];
        WideSums.Set(sums, a, 1 / 3.0);
        WideSums.Add(sums, b, 0.7);
        WideSums.Add(sums, c, -1e-7);
        WideSums.Round(sums, found);
        for (int i = 0; i < n; i++)
        {
            double first = 1 / 3.0 * a[i], second = 0.7 * b[i], third = -1e-7 * c[i];
            Assert.That(BitConverter.SingleToInt32Bits(found[i]),
                Is.EqualTo(BitConverter.SingleToInt32Bits((float)(first + second + third))), $"at {i}");
        }
    }
}
