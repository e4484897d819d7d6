namespace HeadTap.OpCases;

/// <summary>How near an op's result must come to its oracle.</summary>
public enum Exactness
{
    /// <summary>The largest error is at most twice that of plain float32 loops, plus one ulp.</summary>
    TwiceFloat32,

    /// <summary>Every element equals that of plain float32 loops.</summary>
    Float32Bits,

    /// <summary>Every element equals what other ops give, called one after the other.</summary>
    BitsOfOtherOps,
}
