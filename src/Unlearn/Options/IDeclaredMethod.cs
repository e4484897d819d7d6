namespace HeadTap.Unlearn;

/// <summary>The declaration of a method or regulariser: name, paper, equation, options.</summary>
public interface IDeclaredMethod
{
    /// <summary>The name that users choose it by.</summary>
    string Name { get; }

    /// <summary>The publications that describe it.</summary>
    string Paper { get; }

    /// <summary>The equation, in the symbols of docs/unlearn.md.</summary>
    string Equation { get; }

    /// <summary>The options that the method reads.</summary>
    IReadOnlyList<MethodOption> Options { get; }
}
