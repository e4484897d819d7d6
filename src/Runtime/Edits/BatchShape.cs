namespace HeadTap.Runtime;

/// <summary>Rows and positions of one pass.</summary>
/// <param name="B">Rows of the batch.</param>
/// <param name="T">Tokens of a row in this pass, padding included: 1 while generating.</param>
/// <param name="Lengths">Real tokens of each row so far, this pass included; 0 for a row that is finished.</param>
/// <param name="Step">The pass of a generation; 0 for the prompt and outside generation.</param>
/// <param name="Keys">Extent of a pattern's last axis.</param>
readonly record struct BatchShape(int B, int T, int[] Lengths, int Step, int Keys)
{
    /// <summary>Position of the first token of this pass in a row.</summary>
    internal int FirstPosition(int b) => Step == 0 ? 0 : Math.Max(Lengths[b] - 1, 0);

    /// <summary>Real tokens of a row so far.</summary>
    internal int Length(int b) => Lengths[b];
}
