using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Which positions of every row are trained on: the last, all, or some drawn at random. Never
/// padding.</summary>
public sealed record PositionChoice
{
    // "position": apart from the random streams of other parts of a run.
    const ulong PositionStream = 0x706F736974696F6E;

    readonly int _most; // positions of a row

    PositionChoice(int most) => _most = most;

    /// <summary>The last token of each row.</summary>
    public static PositionChoice Last { get; } = new(0);

    /// <summary>Every token.</summary>
    public static PositionChoice All { get; } = new(int.MaxValue);

    /// <summary>
    /// <paramref name="n"/> different tokens of each row, each set of them equally likely; all tokens of a
    /// row that has no more.
    /// </summary>
    public static PositionChoice Sample(int n)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(n);
        return new PositionChoice(n);
    }

    /// <summary>Reads <c>last</c>, <c>all</c> or a number of tokens.</summary>
    /// <exception cref="UserException">It is something else.</exception>
    public static PositionChoice Parse(string text) => text switch
    {
        "last" => Last,
        "all" => All,
        _ when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n > 0
            => Sample(n),
        _ => throw new UserException($"{Quoted.Name(text)} is not a choice of positions; expected last, all, "
            + "or how many to draw from each row, from 1 on"),
    };

    /// <summary>What <see cref="Parse"/> reads.</summary>
    public override string ToString() =>
        this == Last ? "last" : this == All ? "all" : _most.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// The chosen positions of a batch as rows of its [B T, …] tensors: <c>b T + t</c>, ascending. A row
    /// without tokens has none.
    /// </summary>
    /// <param name="rows">The batch.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="step">The step of the run: what is drawn for a row depends on seed, step, the row's place
    /// in the batch and its length, on nothing else.</param>
    public int[] Of(SequenceBatch rows, ulong seed, long step)
    {
        ulong stepSeed = new SeededRandom(seed, PositionStream + (ulong)step).NextUInt64();
        var chosen = new List<int>();
        for (int b = 0; b < rows.B; b++)
        {
            int length = rows.Lengths[b], first = b * rows.T;
            if (this == Last && length > 0)
                chosen.Add(first + length - 1);
            else
                Draw(chosen, first, length, new SeededRandom(stepSeed, (ulong)b));
        }
        return [.. chosen];
    }

    /// <summary>The most positions that a batch can give, for memory plans.</summary>
    /// <param name="rows">Rows of the largest batch.</param>
    /// <param name="T">Tokens of the longest row.</param>
    public long MostOf(int rows, int T) => (long)rows * (this == Last ? 1 : Math.Min(_most, T));

    // Selection sampling (Fan, Muller and Rezucha, 1962): each position in its turn is taken with the
    // probability of those still wanted among those that are left, which makes every set equally likely and
    // needs no sorting.
    void Draw(List<int> chosen, int first, int length, SeededRandom random)
    {
        int wanted = Math.Min(_most, length);
        for (int t = 0; wanted > 0; t++)
            if (length - t == wanted || random.Next(length - t) < wanted)
            {
                chosen.Add(first + t);
                wanted--;
            }
    }
}
