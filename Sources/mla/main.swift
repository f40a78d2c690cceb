print("mla")
