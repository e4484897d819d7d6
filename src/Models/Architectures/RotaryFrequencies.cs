namespace HeadTap.Models;

/// <summary>
/// The angles of rotary position embeddings (Su et al. 2021, arXiv 2104.09864): position t turns pair i by
/// t f_i, f_i = base^(-2i/m).
/// </summary>
static class RotaryFrequencies
{
    /// <summary>
    /// [context, m]: of each position m/2 cosines, then m/2 sines. Angles are float64: at position 2,000 a
    /// float32
    /// angle is off by 1e-4, and one in 16 bits by half a turn.
    /// </summary>
    internal static float[] Table(ModelConfig config)
    {
        (int P, int m) = (config.ContextLength, config.RotaryNumbers);
        var table = new float[checked(P * m)];
        for (int i = 0; i < m / 2; i++)
        {
            double frequency = Math.Pow(config.RotaryBase, -2.0 * i / m);
            for (int t = 0; t < P; t++)
            {
                (double sin, double cos) = Math.SinCos(t * frequency);
                (table[t * m + i], table[t * m + m / 2 + i]) = ((float)cos, (float)sin);
            }
        }
        return table;
    }
}
