print("flashfuse")
