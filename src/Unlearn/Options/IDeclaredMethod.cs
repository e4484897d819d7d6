namespace HeadTap.Unlearn;

/// <summary>What a method or a regulariser says of itself.</summary>
public interface IDeclaredMethod
{
    /// <summary>The name by which it is chosen.</summary>
    string Name { get; }

    /// <summary>The publications that it comes from.</summary>
    string Paper { get; }

    /// <summary>What it computes, in the symbols of docs/unlearn.md.</summary>
    string Equation { get; }

    /// <summary>The options that it reads.</summary>
    IReadOnlyList<MethodOption> Options { get; }
}
